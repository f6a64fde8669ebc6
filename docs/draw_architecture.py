#!/usr/bin/env python3
"""Draw architecture.svg: the path of a signal, and the rooms of the package.

python docs/draw_architecture.py [FILE]
"""

import sys
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 960, 810
NETWORK, DATA, ROOM = "#dbe9ff", "#f3f4f6", "#eef7ea"

# Floors from the top: each imports from those below it.
FLOORS = [
    [("cli, commands", "pvsd enhance, lips, evaluate, ...: one file a subcommand")],
    [
        ("report", "scores as a web page"),
        ("benchmark", "speed, memory, latency, size"),
        ("demo", "a page in the browser"),
    ],
    [("evaluation", "test lists, systems, scores, statistics")],
    [
        ("inference", "interfaces, streams, files in and out"),
        ("training", "Brains, losses, frozen networks"),
    ],
    [
        ("checkpoints", "find, load, convert, export"),
        ("data", "manifests, mixing, augmentation"),
    ],
    [
        ("faces", "detectors, tracking, crops"),
        ("synthetic", "speech, noise and faces of the tests"),
        ("metrics", "PESQ, STOI, SI-SDR, ..."),
    ],
    [("models", "paper/ and open/: networks, and the Protocols they satisfy")],
    [("io", "audio and video files, resampling, atomic replacement")],
    [("alignment, errors, plots", "rates and frames, the one exception, pictures")],
]


def text(x, y, line, size=14, anchor="middle", weight="normal", colour="#111827"):
    """One line of text."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{colour}">{escape(line)}</text>'
    )


def box(x, y, width, height, title, note="", fill=DATA, dashed=False):
    """A rounded box with a title and a smaller note below it."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    shape = (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
        f'fill="{fill}" stroke="#4b5563"{dash}/>'
    )
    middle, centre = x + width / 2, y + height / 2
    if not note:
        return shape + text(middle, centre + 5, title, weight="bold")
    return (
        shape
        + text(middle, centre - 3, title, weight="bold")
        + text(middle, centre + 15, note, 12, colour="#374151")
    )


def arrow(*points, dashed=False):
    """A line through points that ends in an arrow head."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="#4b5563" stroke-width="1.5"'
        f'{dash} marker-end="url(#head)"/>'
    )


def signal_path():
    """Audio, lips and enhanced audio; what only training needs is dashed."""
    yield text(20, 30, "Signal path", 18, "start", "bold")
    yield text(940, 30, "dashed: training only", 12, "end", colour="#374151")
    yield box(20, 50, 150, 56, "clean audio", "[batch, time]", dashed=True)
    yield box(250, 50, 150, 56, "lip teacher", "clean to lips", NETWORK, True)
    yield box(20, 140, 150, 56, "noisy audio", "[batch, time], 16 kHz")
    yield box(250, 140, 150, 56, "lip student", "noisy to lips", NETWORK)
    yield box(480, 140, 170, 56, "lips", "[batch, frames, 48, 96, 3]")
    yield box(480, 50, 170, 56, "face crop", "real video, if there is one")
    yield box(730, 140, 210, 56, "denoiser", "spectrum and lips to audio", NETWORK)
    yield box(730, 230, 210, 56, "enhanced audio", "[batch, time]")
    yield arrow((170, 78), (248, 78), dashed=True)
    yield arrow((325, 106), (325, 138), dashed=True)
    yield text(335, 127, "target", 12, "start", colour="#374151")
    yield arrow((170, 168), (248, 168))
    yield arrow((400, 168), (478, 168))
    yield text(439, 160, "25 / s", 12, colour="#374151")
    yield arrow((565, 106), (565, 138))
    yield arrow((650, 168), (728, 168))
    yield arrow((95, 196), (95, 258), (690, 258), (690, 184), (728, 184))
    yield text(390, 251, "noisy spectrum, one step each 10 ms", 12, colour="#374151")
    yield arrow((835, 196), (835, 228))


def rooms():
    """The package, a floor a row."""
    top, height, gap = 350, 42, 8
    yield text(20, top - 14, "Rooms of pvsd_modules", 18, "start", "bold")
    yield text(
        940, top - 14, "a room imports only from those below it", 12, "end",
        colour="#374151",
    )  # fmt: skip
    for level, floor in enumerate(FLOORS):
        y = top + level * (height + gap)
        width = (920 - gap * (len(floor) - 1)) / len(floor)
        for place, (name, note) in enumerate(floor):
            yield box(20 + place * (width + gap), y, width, height, name, note, ROOM)


def draw() -> str:
    """The whole picture.

    Returns
    -------
    str
    """
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0,0 L10,5 L0,10 z" '
        'fill="#4b5563"/></marker>'
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f"<title>Architecture of pvsd</title><defs>{head}</defs>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *signal_path(),
        *rooms(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "architecture.svg"
    target.write_text(draw(), encoding="utf-8")
