"""The measures by the names of their columns: titles, units, and computation."""

from collections.abc import Iterable

from pvsd_modules.errors import PvsdError
from pvsd_modules.metrics import MEASURES, composite, pesq_nb, raw_score

TITLES = {
    "pesq_wb": "PESQ-WB",
    "pesq_nb_raw": "PESQ-NB raw",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR, dB",
    "pesq_nb": "PESQ-NB",
    "csig": "CSIG",
    "cbak": "CBAK",
    "covl": "COVL",
    "seg_snr": "segSNR, dB",
    "dnsmos_sig": "DNSMOS SIG",
    "dnsmos_bak": "DNSMOS BAK",
    "dnsmos_ovr": "DNSMOS OVRL",
    "wer": "WER, %",
}
DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovr")
RATINGS = ("csig", "cbak", "covl")
MAIN = ("pesq_wb", "stoi", "estoi", "si_sdr")  # in every table of the model cards
_DECIMALS = {"stoi": 3, "estoi": 3, "wer": 1}  # all others have 2
_SCALES = {"pesq_wb": "MOS-LQO", "pesq_nb": "MOS-LQO", "pesq_nb_raw": "MOS"}


def title(name: str) -> str:
    """The name of a measure without its unit."""
    return TITLES.get(name, name).split(",")[0]


def unit(name: str) -> str:
    """Its unit or scale, "" where it has none."""
    _, _, written = TITLES.get(name, name).partition(", ")
    return written or _SCALES.get(name, "")


def label(name: str) -> str:
    """Title and unit, for an axis or the head of a column."""
    return f"{title(name)}, {unit(name)}" if unit(name) else title(name)


def decimals(name: str) -> int:
    """How many decimals of a mean are written."""
    return _DECIMALS.get(name, 2)


def check_measures(names: Iterable[str], may_be_none=False) -> tuple[str, ...]:
    """The names in the order of the table.

    Raises
    ------
    PvsdError
        If one is unknown, or there is none where one is needed.
    """
    names = list(names)
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not (names or may_be_none):
        raise PvsdError(
            f"The measure {', '.join(unknown) or '(none)'} is unknown: choose among "
            f"{', '.join(MEASURES)}."
        )
    return tuple(name for name in MEASURES if name in names)


def measures_of(rows: list[dict]) -> list[str]:
    """The measures that a table has columns of, in their usual order."""
    columns = set().union(*rows) if rows else set()
    return [name for name in TITLES if name in columns]


def measure(clean, signal, names: Iterable[str]) -> dict[str, float | None]:
    """Scores of one signal; what several measures share is computed once.

    Arguments
    ---------
    clean, signal : numpy.ndarray or Tensor
        ``[time]``, 16 kHz, equally long.
    names : iterable of str
        Keys of `pvsd_modules.metrics.MEASURES`.

    Returns
    -------
    dict
        None for a score that is not defined.
    """
    names = list(names)
    scores = {}
    if set(names) & {"pesq_wb", *RATINGS}:
        wide = scores["pesq_wb"] = MEASURES["pesq_wb"](clean, signal)
        if set(names) & set(RATINGS):
            ratings = None if wide is None else composite(clean, signal, wide)
            scores |= ratings or dict.fromkeys(RATINGS)
    if set(names) & {"pesq_nb", "pesq_nb_raw"}:
        narrow = scores["pesq_nb"] = pesq_nb(clean, signal)
        scores["pesq_nb_raw"] = None if narrow is None else raw_score(narrow)
    for name in names:
        if name not in scores:
            scores[name] = MEASURES[name](clean, signal)
    return {name: scores[name] for name in names}
