"""Makes the report: the figures as files, and the page that holds them."""

import base64
import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import FPS, SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import MAIN, TITLES, title
from pvsd_modules.evaluation.text import listed
from pvsd_modules.io.atomic import temporary_name, written_whole
from pvsd_modules.io.sound_reading import read_mono
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.io.wav import wav_bytes
from pvsd_modules.plots import save_spectrograms
from pvsd_modules.report.curves import read_log, save_curves
from pvsd_modules.report.figures import save_against_snr, save_by_class
from pvsd_modules.report.table import Table
from pvsd_modules.report.tables import (
    difference_table,
    failure_sentences,
    means_table,
    snr_table,
)

TEMPLATE = Path(__file__).with_name("page.html")
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
        By title, folders with noisy.wav, enhanced.wav, clean.wav (at least one of
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
        If a file cannot be read or written; nothing is written then.
    """
    systems = {name: Table.read(path) for name, path in scores.items()}
    for name, table in systems.items():
        if not table.names:
            raise PvsdError(f"{scores[name]} holds no score.")
    sounds = {name: _example(Path(place)) for name, place in (examples or {}).items()}
    sheets = [_sheet(Path(path)) for path in lips]
    for log in curves:
        read_log(log)  # a mistake is found before the long work
    output = Path(output)
    folder = output.with_name(f"{output.stem}_figures")
    unfinished = temporary_name(output.with_suffix(""))
    try:
        page = {
            "title": headline,
            "systems": ", ".join(systems),
            "counts": sorted({len(table.rows) for table in systems.values()}),
            **_score_parts(systems, unfinished),
            "examples": [_example_part(*x, unfinished) for x in sounds.items()],
            "sheets": sheets,
            "curves": [_curve(Path(log), unfinished) for log in curves],
        }
        with written_whole(output) as temporary:
            temporary.write_text(render(page), encoding="utf-8")
            folder.mkdir(exist_ok=True)
            for path in unfinished.iterdir():
                path.replace(folder / path.name)
    except OSError as error:
        raise PvsdError(f"{output} cannot be written ({error.strerror}).") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def render(page: Mapping) -> str:
    """The HTML of a page that needs nothing beside it.

    Arguments
    ---------
    page : mapping
        Variables of the template.
    """
    try:
        import jinja2
    except ImportError:
        raise PvsdError(
            "A report needs jinja2: run pip install 'pvsd[train]'."
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE.name).render(page)


def _score_parts(systems: Mapping[str, Table], folder: Path) -> dict:
    scored = {name for table in systems.values() for name in table.names}
    names = [name for name in TITLES if name in scored]
    differences, sentences = None, []
    if len(systems) > 1:
        differences, sentences = difference_table(systems, names)
    figures = []
    for name in names:
        path = folder / f"snr_{name}.png"
        save_against_snr(systems, name, path)
        text = f"{title(name)} against the SNR of the input, by system"
        figures.append(_picture(path, text))
    has_levels = any(table.levels for table in systems.values())
    shown = [name for name in names if name in MAIN and has_levels]
    return {
        "means": means_table(systems, names),
        "differences": differences,
        "difference_sentences": sentences,
        "snr_figures": figures,
        "snr_tables": [snr_table(systems, name) for name in shown],
        "class_figures": _class_figures(systems, names, folder),
        "failures": failure_sentences(systems) or ["None."],
    }


def _class_figures(systems, names: list[str], folder: Path) -> list[dict]:
    first = next(iter(systems.values()))
    figures = []
    for name in ("pesq_wb", "si_sdr"):
        has_gain = name in names and "gain" in (first.at("all", name) or {})
        if has_gain and any(row.get("category") for row in first.rows):
            path = folder / f"class_{name}.png"
            caption = save_by_class(systems, name, path)
            text = f"Gain in {title(name)} by noise class and system"
            figures.append(_picture(path, text, caption, "tall"))
    return figures


def _example(place: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    """The sounds of a folder at 16 kHz, their beginnings, and the lips if any."""
    paths = {kind: place / f"{kind}.wav" for kind in _SIGNALS}
    signals = {
        kind: read_mono(path)[: _LONGEST * SAMPLE_RATE]
        for kind, path in paths.items()
        if path.is_file()
    }
    if not signals:
        raise PvsdError(
            f"{place} holds no example: put noisy.wav, enhanced.wav and clean.wav "
            "there, and lips.mp4 if you have it (pvsd lips noisy.wav -o lips.mp4)."
        )
    video, lips = place / "lips.mp4", None
    if video.is_file():
        frames = list(islice(read_frames(video), FPS * _LONGEST))
        lips = torch.from_numpy(np.stack(frames)).float() / 255
    return signals, lips


def _example_part(name: str, example: tuple, folder: Path) -> dict:
    signals, lips = example
    safe = "".join(c if c.isalnum() else "_" for c in name)
    path = folder / f"example_{safe}.png"
    save_spectrograms(signals, path, lips)
    text = f"Spectrograms of {listed(list(signals))}"
    text += "" if lips is None else " above the generated lips"
    caption = f"{text}, on one time axis and one scale of levels."
    sounds = {kind: _sound(signal) for kind, signal in signals.items()}
    return {
        "name": name,
        "picture": _picture(path, text, caption, "wide"),
        "sounds": sounds,
    }


def _curve(log: Path, folder: Path) -> dict:
    path = folder / f"curve_{log.stem}.png"
    save_curves(log, path)
    caption = f"{log.name}; dotted: the run was continued from there."
    return _picture(path, f"Learning curve of {log.stem}", caption)


def _sheet(path: Path) -> dict:
    if not path.is_file() or path.read_bytes()[:8] != b"\x89PNG\r\n\x1a\n":
        raise PvsdError(f"{path} is no PNG picture: name a sheet of evaluate_lips.py.")
    return _picture(path, f"Lips: {path.stem}", path.stem.replace("_", " "), "wide")


def _picture(path: Path, description: str, caption: str = "", kind: str = "") -> dict:
    """A PNG within the page; a phone scrolls wide and tall ones, others shrink."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"data": data, "text": description, "caption": caption, "kind": kind}


def _sound(signal: Tensor) -> str:
    """A signal ``[time]`` as the bytes of a wav file within the page."""
    samples = signal.detach().cpu().float().clamp(-1, 1).numpy()
    return base64.b64encode(wav_bytes(samples)).decode("ascii")
