"""Writes the graphs of a model, and what describes them, to a folder."""

import copy
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH, SAMPLE_RATE, STEPS_PER_FRAME
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.base import LipInterface
from pvsd_modules.inference.onnx.describe import write_description
from pvsd_modules.inference.onnx.graphs import (
    BINS,
    Graph,
    StreamedDenoiser,
    StreamedStudent,
    WholeDenoiser,
    WholeStudent,
)
from pvsd_modules.inference.recurrent_stream import RecurrentStream
from pvsd_modules.io.atomic import folder_written_whole

_OPSET = 17
_TOLERANCE = 1e-4  # of PyTorch and onnxruntime


@torch.no_grad()
def export_onnx(model: LipInterface, folder: Path, precision: str = "float32") -> None:
    """Write a model as ONNX graphs.

    Arguments
    ---------
    model : LipInterface
        One with recurrent networks and generated lips.
    folder : Path
        Folder to make.
    precision : str
        "float32"; "float16" (weights only) or "int8" (weights, and the inputs of matrix
        products and LSTMs as they come).

    Raises
    ------
    PvsdError
        When a package is missing, the model cannot be exported or the folder exists.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise PvsdError(
            f"The export needs {error.name}: pip install 'pvsd[onnx]'."
        ) from error
    if model.hparams.lips != "student":
        raise PvsdError(
            f"{model.source} has lips: {model.hparams.lips}: only models with lips: "
            "student are exported to ONNX."
        )
    names = ("student", "denoiser")
    student, denoiser = (_prepared(model.inference_network(name)) for name in names)
    stream = model.hparams.stream(student, denoiser)
    if not isinstance(stream, RecurrentStream):
        raise PvsdError(
            f"{model.source} has networks without states: only models whose stream is "
            "a RecurrentStream, as the shipped ones, are exported to ONNX."
        )
    graphs = _graphs(student, denoiser)
    about = {
        "model": Path(model.source).name,
        "precision": precision,
        "level": vars(model.hparams).get("network_level"),
        "lookahead_frames": student.lookahead_frames,
        "steps_at_once": denoiser.steps_at_once,
        "stream_delay_steps": graphs["denoiser_stream"].module.delay,
        "latency_ms": 1000 * stream.latency_samples / SAMPLE_RATE,
    }
    with folder_written_whole(folder, replace=False) as temporary:
        for name, graph in graphs.items():
            path = temporary / f"{name}.onnx"
            _write(graph, path)
            _check(graph, path)
            _reduce(path, precision)
        write_description(temporary, about, graphs)


def _prepared(network: Any) -> Any:
    """A copy that the exporter understands; None of None."""
    if network is None:
        return None
    network = copy.deepcopy(network).cpu().requires_grad_(False)
    for part in network.modules():
        # It asks a BatchNorm without weights for a shape that it has lost.
        if isinstance(part, nn.BatchNorm1d) and part.weight is None:
            part.weight = nn.Parameter(torch.ones(part.num_features), False)
            part.bias = nn.Parameter(torch.zeros(part.num_features), False)
    return network


def _graphs(student, denoiser) -> dict[str, Graph]:
    future, group = student.lookahead_frames, denoiser.steps_at_once
    spectra, lips = {1: "steps"}, {1: "frames"}
    whole = {"spectrum": spectra, "lips": lips}
    return {
        "student": Graph(
            WholeStudent(student).eval(),
            {"spectrum": _spectrum(STEPS_PER_FRAME * (future + 2))},
            "lips",
            whole,
        ),
        "denoiser": Graph(
            WholeDenoiser(denoiser).eval(),
            {"spectrum": _spectrum(2 * STEPS_PER_FRAME + 2), "lips": _lips(2)},
            "enhanced",
            whole | {"enhanced": spectra},
        ),
        "student_stream": Graph(
            StreamedStudent(student).eval(),
            {"spectrum": _spectrum(STEPS_PER_FRAME)},
            "lips",
            {},
        ),
        "denoiser_stream": Graph(
            StreamedDenoiser(denoiser, future).eval(),
            {"spectrum": _spectrum(group), "lips": _lips(1)},
            "enhanced",
            {},
        ),
    }


def _spectrum(steps: int) -> Tensor:
    return torch.randn(1, steps, BINS, 2)


def _lips(frames: int) -> Tensor:
    return torch.rand(1, frames, LIP_HEIGHT, LIP_WIDTH, 3)


def _write(graph: Graph, path: Path) -> None:
    states = graph.states
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tracing, and about this exporter's age
        torch.onnx.export(
            graph.module,
            (*graph.inputs.values(), *states.values()),
            str(path),
            input_names=[*graph.inputs, *states],
            output_names=[graph.output, *(f"next_{name}" for name in states)],
            dynamic_axes=graph.axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _check(graph: Graph, path: Path) -> None:
    """Compares a graph with its module, at another length than that it was made of."""
    import onnxruntime

    inputs = dict(graph.inputs)
    for name in inputs.keys() & graph.axes.keys():
        inputs[name] = inputs[name].repeat(1, 3, *[1] * (inputs[name].ndim - 2))
    expected = graph.module(*inputs.values(), *graph.states.values())
    expected = expected if isinstance(expected, Tensor) else expected[0]
    fed = {name: value.numpy() for name, value in (inputs | graph.states).items()}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = torch.from_numpy(session.run([graph.output], fed)[0])
    if given.shape != expected.shape or (given - expected).abs().max() > _TOLERANCE:
        raise PvsdError(
            f"{path.name} does not compute what its network does: the network has an "
            "operation that PyTorch's exporter to ONNX gets wrong."
        )


def _reduce(path: Path, precision: str) -> None:
    """Brings a graph to another precision; inputs and outputs stay float32."""
    import onnx

    if precision == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(path, path, skip_symbolic_shape=True)
        kinds = ["MatMul", "Gemm", "LSTM"]
        quantize_dynamic(path, path, kinds, weight_type=QuantType.QInt8)
    elif precision == "float16":
        graph = onnx.load(path)
        _halve(graph.graph)
        onnx.save(graph, path)


def _halve(graph) -> None:
    """Stores weights as float16; a runtime widens them once, when it loads them."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 1:
            name = weight.name
            half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
            weight.CopyFrom(half)
            widen = helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)
            graph.node.insert(0, widen)
