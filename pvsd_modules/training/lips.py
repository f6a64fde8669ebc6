"""How a training run scores and shows the lips that it generates."""

from pathlib import Path

from speechbrain.utils.distributed import main_process_only
from torch import Tensor

from pvsd_modules.alignment import SAMPLES_PER_FRAME, frame_count
from pvsd_modules.metrics import correlation, mouth_opening


def lip_lengths(lengths: Tensor, samples: int) -> Tensor:
    """Relative lengths in frames, ``[batch]``, of items whose relative lengths in
    samples are known, in a batch of ``samples``.

    Example
    -------
    >>> import torch
    >>> lip_lengths(torch.tensor([1.0, 0.5]), 1920)
    tensor([1.0000, 0.6667])
    """
    frames = ((lengths * samples).round() / SAMPLES_PER_FRAME).ceil()
    return frames / frame_count(samples)


def opening_scores(drawn: Tensor, wanted: Tensor, lengths: Tensor) -> list[float]:
    """`correlation` of how far the mouths of each item ``[batch, frames, 48, 96, 3]``
    are open."""
    counts = (lengths * drawn.shape[1]).round().int().tolist()
    return [
        float(correlation(mouth_opening(a[:count]), mouth_opening(b[:count])))
        for a, b, count in zip(drawn, wanted, counts, strict=True)
    ]


def example_path(output_folder: str | Path, epoch: int | None, ending: str) -> Path:
    """Where a validation (or the test, which has no epoch) puts an example."""
    folder = Path(output_folder, "examples")
    folder.mkdir(exist_ok=True)
    name = "test" if epoch is None else f"epoch{epoch:03d}"
    return folder / f"{name}{ending}"


@main_process_only
def save_lips(output_folder: str | Path, epoch: int | None, rows: dict) -> None:
    """Writes a strip of frames for each of several lips of one item.

    Arguments
    ---------
    output_folder : str or Path
        Of the training run.
    epoch : int or None
    rows : dict
        ``[frames, 48, 96, 3]`` by name.
    """
    from pvsd_modules.plots import save_lip_rows

    save_lip_rows(rows, example_path(output_folder, epoch, ".png"))
