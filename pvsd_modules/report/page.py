"""A page that needs nothing beside it: pictures and sounds lie in the file."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --back: #ffffff;
  --line: #d0d7de; --band: #f3f5f7; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #a4adb6;
  --back: #14181c; --line: #3a424b; --band: #1e242a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1rem 3rem; color: var(--text);
  background: var(--back); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1rem 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, figcaption, li { overflow-wrap: anywhere; }
figcaption, .note { color: var(--soft); font-size: .9rem; margin: .8rem 0 .3rem; }
figure { margin: .8rem 0; }
.grid { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.grid figure { margin: 0; }
/* Figures are printed on white paper, whatever the page's colour. */
.paper { background: #fff; border: 1px solid var(--line); border-radius: 6px;
  padding: .4rem; overflow-x: auto; }
.paper img { display: block; width: 100%; height: auto; margin: 0 auto; }
.wide img { min-width: 38rem; max-width: 52rem; }
.tall img { min-width: 30rem; max-width: 42rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
thead th { background: var(--band); }
td small, th small { display: block; color: var(--soft); font-weight: normal; }
audio { width: 100%; max-width: 20rem; display: block; }
.sounds { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; }
.sounds div { flex: 1 1 14rem; }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """A whole page of what the functions of this module give.

    Arguments
    ---------
    title : str
    parts : sequence of str
        HTML.

    Returns
    -------
    str
    """
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
    )
    body = "\n".join([f"<h1>{escape(title)}</h1>", *parts])
    return f"{head}<body>\n{body}\n</body>\n</html>\n"


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def picture(
    path: str | Path, description: str, caption: str = "", kind: str = ""
) -> str:
    """A PNG within the page.

    Arguments
    ---------
    path : str or Path
        PNG file.
    description : str
        For those who do not see it.
    caption : str
        Below it.
    kind : str
        ``wide`` and ``tall`` for those that a telephone scrolls sideways rather than
        shrink, and that a large screen does not enlarge.

    Returns
    -------
    str
    """
    data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    shown = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    # What scrolls can be reached with the keyboard.
    focus = ' tabindex="0"' if kind else ""
    return (
        f'<figure><div class="paper {kind}"{focus}>'
        f'<img alt="{escape(description)}" src="data:image/png;base64,{data}"></div>'
        f"{shown}</figure>"
    )


def grid(figures: Sequence[str]) -> str:
    """Figures beside each other where there is room."""
    return f'<div class="grid">{"".join(figures)}</div>'


def html_table(caption: str, head: Sequence, rows: Sequence[Sequence]) -> str:
    """A table that scrolls sideways where the screen is narrow.

    Arguments
    ---------
    caption : str
    head : sequence
        Cells: a text, or several of which all but the first are set small below it.
    rows : sequence of sequence
        Cells likewise.

    Returns
    -------
    str
    """
    top = "".join(f'<th scope="col">{_cell(cell)}</th>' for cell in head)
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{_cell(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{_cell(first)}</th>{cells}</tr>')
    return (
        f'<p class="note">{escape(caption)}</p><div class="scroll" tabindex="0">'
        f'<table aria-label="{escape(caption)}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    large, *small = cell
    return escape(large) + "".join(
        f"<small>{escape(text)}</small>" for text in small if text
    )


def sounds(signals: dict[str, Tensor], rate: int = SAMPLE_RATE) -> str:
    """Players of signals ``[time]`` by name; the sound lies in the page."""
    players = []
    for name, signal in signals.items():
        samples = signal.detach().cpu().float().clamp(-1, 1).numpy().astype(np.float32)
        held = io.BytesIO()
        soundfile.write(held, samples, rate, "PCM_16", format="WAV")
        data = base64.b64encode(held.getvalue()).decode("ascii")
        players.append(
            f'<div>{escape(name)}<audio controls aria-label="{escape(name)}" '
            f'src="data:audio/wav;base64,{data}"></audio></div>'
        )
    return f'<div class="sounds">{"".join(players)}</div>'
