"""Makes the report: the figures as files, and the page that holds them."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import FPS, SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import TITLES
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.report import page
from pvsd_modules.report.comparison import (
    difference_table,
    failure_sentences,
    means_table,
    snr_table,
)
from pvsd_modules.report.curves import read_log, save_curves
from pvsd_modules.report.example import save_example
from pvsd_modules.report.measures import MAIN, Table, title
from pvsd_modules.report.scores import save_against_snr, save_by_class
from pvsd_modules.report.text import listed

_SIGNALS = ("noisy", "enhanced", "clean")
_LONGEST = 15  # seconds of an example that are drawn and held


def build_report(
    scores: Mapping[str, str | Path],
    output: str | Path,
    examples: Mapping[str, str | Path] | None = None,
    lips: Sequence[str | Path] = (),
    curves: Sequence[str | Path] = (),
    headline: str = "Scores of speech enhancement",
) -> Path:
    """Write a page of scores, and its figures beside it.

    Arguments
    ---------
    scores : mapping
        Tables of scores (CSV) by the system's name; differences are from the first.
    output : str or Path
        HTML file. Its figures go to the folder ``<name>_figures`` beside it.
    examples : mapping or None
        By title, folders with noisy.wav, enhanced.wav, clean.wav (what there is of
        them) and, if there are any, lips.mp4.
    lips : sequence of path
        PNG sheets of lips.
    curves : sequence of path
        Training logs.
    headline : str

    Returns
    -------
    Path
        The folder of the figures.

    Raises
    ------
    PvsdError
        If a file cannot be read; no page is written then.
    """
    systems = {name: Table.read(path) for name, path in scores.items()}
    for name, table in systems.items():
        if not table.names:
            raise PvsdError(f"{scores[name]} holds no score.")
    sounds = {name: _example(Path(place)) for name, place in (examples or {}).items()}
    sheets = [_sheet(Path(path)) for path in lips]
    for log in curves:
        read_log(log)  # whatever is wrong is told before anything is written
    output = Path(output)
    folder = output.with_name(f"{output.stem}_figures")
    parts = [page.paragraph(_introduction(systems)), *_score_parts(systems, folder)]
    for name, (signals, drawn_lips) in sounds.items():
        parts += _example_parts(name, signals, drawn_lips, folder)
    if sheets:
        parts += [page.heading("Lips"), *sheets]
    if curves:
        parts += [page.heading("Learning curves"), _curve_grid(curves, folder)]
    with written_whole(output) as temporary:
        temporary.write_text(page.page(headline, parts), encoding="utf-8")
    return folder


def _introduction(systems: Mapping[str, Table]) -> str:
    counts = sorted({len(table.rows) for table in systems.values()})
    files = " or ".join(str(count) for count in counts)
    names = ", ".join(systems)
    return (
        f"Systems: {names}. Recordings: {files}. Means with 95 % bootstrap intervals."
    )


def _score_parts(systems: Mapping[str, Table], folder: Path) -> list[str]:
    scored = {name for table in systems.values() for name in table.names}
    names = [name for name in TITLES if name in scored]
    parts = [page.heading("Means"), means_table(systems, names)]
    if len(systems) > 1:
        table, sentences = difference_table(systems, names)
        parts += [page.heading("Paired differences"), table]
        parts += [page.paragraph(sentence) for sentence in sentences]
    figures = []
    for name in names:
        save_against_snr(systems, name, folder / f"snr_{name}.png")
        text = f"{title(name)} against the SNR of the input, by system"
        figures.append(page.picture(folder / f"snr_{name}.png", text))
    caption = "Means by SNR; bars: 95 % bootstrap intervals over recordings."
    parts += [page.heading("Against SNR"), page.grid(figures)]
    parts.append(f'<p class="note">{caption}</p>')
    if any(table.levels for table in systems.values()):
        parts += [snr_table(systems, name) for name in names if name in MAIN]
    parts += _class_parts(systems, names, folder)
    parts.append(page.heading("Recordings without a score"))
    sentences = failure_sentences(systems) or ["None."]
    return parts + [page.paragraph(sentence) for sentence in sentences]


def _class_parts(systems, names: list[str], folder: Path) -> list[str]:
    first = next(iter(systems.values()))
    if not any(row.get("category") for row in first.rows):
        return []
    parts = [page.heading("By noise class")]
    for name in names:
        has_gain = "gain" in (first.at("all", name) or {})
        if has_gain and name in ("pesq_wb", "si_sdr"):
            path = folder / f"class_{name}.png"
            caption = save_by_class(systems, name, path)
            text = f"Gain in {title(name)} by noise class and system"
            parts.append(page.picture(path, text, caption, "tall"))
    return parts if len(parts) > 1 else []


def _example(place: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    """The sounds of a folder, and its lips if there are any."""
    signals = {
        kind: _signal(place / f"{kind}.wav")
        for kind in _SIGNALS
        if (place / f"{kind}.wav").is_file()
    }
    if not signals:
        raise PvsdError(
            f"{place} holds no example: put noisy.wav, enhanced.wav and clean.wav "
            "there, and lips.mp4 if you have it (pvsd lips noisy.wav -o lips.mp4)."
        )
    video = place / "lips.mp4"
    return signals, _lips(video) if video.is_file() else None


def _example_parts(
    name: str, signals: dict[str, Tensor], lips: Tensor | None, folder: Path
) -> list[str]:
    safe = "".join(c if c.isalnum() else "_" for c in name)
    path = folder / f"example_{safe}.png"
    save_example(signals, path, lips)
    text = f"Spectrograms of {listed(list(signals))}"
    text += "" if lips is None else " above the lips that were drawn"
    caption = f"{text}, on one time axis and one scale of levels."
    return [
        page.heading(f"Example: {name}"),
        page.picture(path, text, caption, "wide"),
        page.sounds(signals),
    ]


def _curve_grid(logs: Sequence[str | Path], folder: Path) -> str:
    figures = []
    for log in map(Path, logs):
        picture = folder / f"curve_{log.stem}.png"
        save_curves(log, picture)
        caption = f"{log.name}; dotted: the training was continued from there."
        figures.append(page.picture(picture, f"Learning curve of {log.stem}", caption))
    return page.grid(figures)


def _signal(path: Path) -> Tensor:
    """The first channel of a recording, its beginning, at 16 kHz."""
    from pvsd_modules.io.sound_reading import read_mono

    return read_mono(path)[: _LONGEST * SAMPLE_RATE]


def _lips(path: Path) -> Tensor:
    from pvsd_modules.io.video_reading import read_frames

    frames = list(islice(read_frames(path), FPS * _LONGEST))
    return torch.from_numpy(np.stack(frames)).float() / 255


def _sheet(path: Path) -> str:
    if not path.is_file() or path.read_bytes()[:8] != b"\x89PNG\r\n\x1a\n":
        raise PvsdError(f"{path} is no PNG picture: name a sheet of evaluate_lips.py.")
    return page.picture(path, f"Lips: {path.stem}", path.stem.replace("_", " "), "wide")
