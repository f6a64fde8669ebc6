"""Describes exported graphs: model.json for programs, README.md for who writes them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pvsd_modules import __version__
from pvsd_modules.alignment import FPS, HOP, SAMPLE_RATE
from pvsd_modules.inference.onnx.graphs import BINS, Graph
from pvsd_modules.inference.pending import HISTORY
from pvsd_modules.models.open.level import RunningLevel
from pvsd_modules.models.open.spectra import WINDOW

#: Steps that a whole signal may have where no network sets a limit: two minutes.
_MOST_STEPS = 12000
_MEANINGS = {
    "spectrum": "real and imaginary part of the bins, 33.3 Hz apart, of each step",
    "lips": "pictures of the mouth: rows, columns, RGB, 0 to 1",
    "enhanced": "spectrum of the enhanced signal",
}
_STATE = (
    "what the network remembers: zeros at the beginning, then the last call's `next`"
)
_README = Path(__file__).with_name("readme.md")


def write_description(
    folder: Path, about: Mapping[str, Any], graphs: Mapping[str, Graph]
) -> None:
    """Write model.json and README.md.

    Arguments
    ---------
    folder : Path
    about : mapping
        Facts of the model for model.json.
    graphs : mapping of Graph
        By name of the file.
    """
    parts = [part for graph in graphs.values() for part in graph.module.modules()]
    # A graph computes the level of all steps at once.
    limits = [part.block for part in parts if isinstance(part, RunningLevel)]
    numbers = {
        **about,
        "version": __version__,
        "sample_rate": SAMPLE_RATE,
        "fps": FPS,
        "hop": HOP,
        "window": WINDOW,
        "window_function": f"sin(pi i / {WINDOW})",
        "bins": BINS,
        "delay_samples": about["stream_delay_steps"] * HOP + HISTORY,
        "whole_most_steps": min([_MOST_STEPS, *filter(None, limits)]),
    }
    text = _README.read_text(encoding="utf-8")
    text = text.format(**numbers, history=HISTORY, chunk=HOP * about["steps_at_once"])
    (folder / "README.md").write_text(text, encoding="utf-8")
    described = {name: _described(name, graph) for name, graph in graphs.items()}
    text = json.dumps(numbers | {"graphs": described}, indent=2)
    (folder / "model.json").write_text(f"{text}\n", encoding="utf-8")


def _described(name: str, graph: Graph) -> dict:
    """Arguments and results of a graph."""
    result = graph.module(*graph.inputs.values(), *graph.states.values())
    result = result if isinstance(result, Tensor) else result[0]

    def form(key: str, value: Tensor) -> dict:
        sizes = [graph.axes.get(key, {}).get(i, n) for i, n in enumerate(value.shape)]
        return {"name": key, "dtype": "float32", "shape": sizes}

    def about(key: str, value: Tensor) -> dict:
        return form(key, value) | {"meaning": _MEANINGS[key]}

    return {
        "file": f"{name}.onnx",
        "inputs": [about(key, value) for key, value in graph.inputs.items()],
        "output": about(graph.output, result),
        "states": [
            form(key, value) | {"next": f"next_{key}", "meaning": _STATE}
            for key, value in graph.states.items()
        ],
    }
