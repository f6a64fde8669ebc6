"""Tables of lip scores in Markdown."""

from pvsd_modules.evaluation.text import number, table

_TITLES = {
    "student-teacher": "Student from noisy speech, against the teacher from clean",
    "teacher-teacher": "Teacher from noisy speech, against itself from clean",
    "teacher-real": "Teacher against the frames of the video",
    "student-real": "Student against the frames of the video",
}
# Head of a column, measure, statistic and format; a share has no statistic.
_COLUMNS = (
    ("opening, median", "opening", "median", ".2f"),
    ("opening, 10th percentile", "opening", "p10", ".2f"),
    ("lag 0", "lag_zero", None, ".0%"),
    ("lag within 1 frame", "lag_within_1", None, ".0%"),
    ("opening at best lag", "opening_at_lag", "median", ".2f"),
    ("L1", "l1", "mean", ".4f"),
    ("PSNR, dB", "psnr", "mean", ".1f"),
)
_SYNC = (("LSE-D", "lse_d"), ("LSE-C", "lse_c"))


def lips_markdown(summary: dict) -> str:
    """A summary of lips in Markdown, a table for each comparison.

    Arguments
    ---------
    summary : dict
        ``comparisons`` of `pvsd_modules.evaluation.lip_scores.summarise_lips`.
    """
    parts = []
    for name, groups in summary["comparisons"].items():
        sync = _SYNC if any("lse_d" in group for group in groups) else ()
        rows = []
        for group in groups:
            cells = [_cell(group, *column) for _, *column in _COLUMNS]
            for _, key in sync:  # in brackets that of the wanted lips
                ends = (_cell(group, x, "mean", ".2f") for x in (key, f"wanted_{key}"))
                cells.append("{} ({})".format(*ends))
            rows.append([number(group["snr"]), str(group["clips"]), *cells])
        head = ["SNR, dB", "clips", *(title for title, *_ in (*_COLUMNS, *sync))]
        parts.append(f"{_TITLES.get(name, name)}:\n\n{table(head, rows)}")
    return "\n".join(parts)


def _cell(group: dict, key: str, statistic: str | None, form: str) -> str:
    if key not in group:
        return "undefined"
    value = group[key] if statistic is None else group[key][statistic]
    return f"{value:{form}}".replace("%", " %")
