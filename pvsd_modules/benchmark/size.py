"""Parameters, files and arithmetic of a model."""

from pathlib import Path

import torch
from torch import nn

from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.subject import sound


def size(model, source: Path | str) -> list[Row]:
    """Count parameters, bytes and multiply-accumulates.

    Arguments
    ---------
    model : PseudoVisualEnhancement
    source : Path or str
        Its folder or hub id; the files of a folder are added up.
    """
    rows, parts = [], ("student", "denoiser")
    networks = {name: model.mods[name] for name in parts if name in model.mods}
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        rows.append(Row(f"parameters, {name}", count / 1e6, "million"))
    if isinstance(source, Path):
        taken = [source / f"{name}.ckpt" for name in networks]
        taken = sum(path.stat().st_size for path in taken if path.is_file())
        rows.append(Row("files of weights", taken / 1e6, "MB"))
    noisy, lips = sound(1), None
    with torch.no_grad():
        if "student" in networks:
            lips = networks["student"](noisy)
            count = multiplications(networks["student"], noisy)
            rows.append(Row("arithmetic, student", count / 1e9, "GMAC per s of sound"))
        count = multiplications(networks["denoiser"], noisy, lips)
        rows.append(Row("arithmetic, denoiser", count / 1e9, "GMAC per s of sound"))
    return rows


def multiplications(network: nn.Module, *inputs) -> int:
    """Multiply-accumulates of convolutions, linear and recurrent layers in a call.

    Example
    -------
    >>> multiplications(nn.Conv1d(2, 3, 5), torch.zeros(1, 2, 9))
    150
    """
    counts = []

    def count(layer, given, result):
        """Adds the multiply-accumulates of a layer."""
        if isinstance(layer, nn.modules.conv._ConvTransposeNd):
            positions = given[0].shape[0] * given[0][0, 0].numel()
        elif isinstance(layer, nn.modules.conv._ConvNd):
            positions = result.shape[0] * result[0, 0].numel()
        elif isinstance(layer, nn.Linear):
            positions = result.numel() // layer.out_features
        else:  # recurrent: every weight once a step
            positions = given[0].shape[0] * given[0].shape[1]
        # A grouped convolution's weight is as much smaller as its sums are shorter.
        weights = [w for n, w in layer.named_parameters() if n.startswith("weight")]
        counts.append(positions * sum(weight.numel() for weight in weights))

    kinds = (nn.modules.conv._ConvNd, nn.Linear, nn.RNNBase)
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)
