"""One look for all figures: type that can be read in print and on a telephone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole

# Colours that people with any colour vision tell apart (Okabe & Ito 2008), with a
# marker each, so that colour is never all there is.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#555555"
DPI = 160

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}


def colour(index: int) -> str:
    """The colour of the n-th system."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """The marker of the n-th system."""
    return MARKERS[index % len(MARKERS)]


@contextmanager
def drawn(output: str | Path, width: float, height: float) -> Iterator:
    """Give an empty figure; it is written as a PNG when all went well.

    Arguments
    ---------
    output : str or Path
    width, height : float
        In inches.

    Yields
    ------
    matplotlib.figure.Figure

    Raises
    ------
    PvsdError
        If matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PvsdError(
            "Figures need matplotlib: run pip install 'pvsd[train]'."
        ) from None
    # Without pyplot there is no window and no state outside of this block.
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        with written_whole(output) as temporary:
            figure.savefig(temporary, dpi=DPI, format="png", metadata=_NOTHING)


_NOTHING = {"Software": None}  # same data, same bytes
