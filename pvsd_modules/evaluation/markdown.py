"""Summaries and comparisons as tables in Markdown."""

from collections.abc import Iterable, Sequence

from pvsd_modules.evaluation.measures import TITLES, decimals, title
from pvsd_modules.evaluation.text import number, p_value, table


def markdown(summary: dict) -> str:
    """A summary as tables in Markdown, and sentences on what has no score.

    Arguments
    ---------
    summary : dict
        Of `pvsd_modules.evaluation.summarise`.
    """
    groups, categories = summary["groups"], summary.get("categories")
    names = [name for name in TITLES if name in groups[-1]]
    parts = [_groups(groups, "snr", "SNR, dB", names, "mean")]
    parts.append("Mean score [95 % bootstrap interval].\n")
    if any("gain" in (group[name] or {}) for group in groups for name in names):
        parts.append(_groups(groups, "snr", "SNR, dB", names, "gain"))
        parts.append("Gain over the noisy input [95 % bootstrap interval].\n")
    if categories:
        parts.append(_groups(categories, "category", "noise", names, "mean"))
        parts.append("Mean score by class of noise [95 % bootstrap interval].\n")
    lost: dict[tuple, list[str]] = {}
    for name, files in summary["undefined"].items():
        lost.setdefault(tuple(files), []).append(title(name))
    for files, titles in lost.items():
        if files:
            parts.append(
                f"{', '.join(titles)} undefined, left out: {len(files)} of the files: "
                f"{', '.join(files)}.\n"
            )
    adjusted = summary.get("adjusted")
    if adjusted:
        most = 1000 * max(map(abs, adjusted.values())) / 16000
        parts.append(
            f"Cut or padded to the length of the clean signal: {len(adjusted)} of the "
            f"files, by {most:.0f} ms at most.\n"
        )
    failures = summary.get("failures")
    if failures:
        listed = "".join(f"- {file}: {reason}\n" for file, reason in failures.items())
        parts.append(f"FAILED, in no mean: {len(failures)} of the files:\n\n{listed}")
    return "\n".join(parts)


def _groups(
    groups: Iterable[dict], key: str, head: str, names: Sequence[str], statistic: str
) -> str:
    """One statistic of all measures, a row for each group."""
    rows = [
        [
            number(group[key]),
            str(group["files"]),
            *(_cell(group[n], n, statistic) for n in names),
        ]
        for group in groups
    ]
    return table([head, "files", *(TITLES[name] for name in names)], rows)


def _cell(found: dict | None, name: str, statistic: str = "mean") -> str:
    """A value and its interval; a gain with its sign."""
    if found is None:
        return "undefined"
    if statistic not in found:
        return ""
    form = f"{'+' if statistic == 'gain' else ''}.{decimals(name)}f"
    low, high = found[f"{statistic}_interval"]
    return f"{found[statistic]:{form}} [{low:{form}}, {high:{form}}]"


def side_by_side(summaries: dict[str, dict], comparisons: dict[str, dict]) -> str:
    """Several systems in one table: by SNR, a row for each system.

    Arguments
    ---------
    summaries : dict
        By the name of the system, of `pvsd_modules.evaluation.summarise`.
    comparisons : dict
        By the name of the system, of `pvsd_modules.evaluation.compare` with the
        first one.
    """
    first, *_ = summaries
    groups = summaries[first]["groups"]
    names = [name for name in TITLES if name in groups[-1]]
    rows = []
    for index, group in enumerate(groups):
        snr, files = number(group["snr"]), str(group["files"])
        if any("noisy" in (group[name] or {}) for name in names):
            cells = [_cell(group[name], name, "noisy") for name in names]
            rows.append([snr, "noisy", files, *cells])
        for system, summary in summaries.items():
            own = summary["groups"][index]
            cells = [_cell(own[name], name) for name in names]
            rows.append([snr, system, str(own["files"]), *cells])
    head = ["SNR, dB", "system", "files", *(TITLES[name] for name in names)]
    parts = [table(head, rows), "Mean score [95 % bootstrap interval].\n"]
    for system, comparison in comparisons.items():
        parts += [f"{system} minus {first}:\n", comparison_table(comparison)]
    for system, summary in summaries.items():
        if summary["failures"]:
            parts.append(
                f"FAILED, in no mean of {system}: {len(summary['failures'])} of the "
                "files, see its own summary.\n"
            )
    return "\n".join(parts)


def comparison_table(comparison: dict) -> str:
    """Paired differences as a table in Markdown, a row for each SNR and measure.

    Arguments
    ---------
    comparison : dict
        Of `pvsd_modules.evaluation.compare`.
    """
    rows = []
    for group in comparison["groups"]:
        for name, found in group.items():
            if name == "snr":
                continue
            form = f".{decimals(name) + 1}f"
            low, high = found["interval"]
            rows.append(
                [
                    number(group["snr"]),
                    TITLES.get(name, name),
                    str(found["files"]),
                    *(f"{found[key]:{form}}" for key in ("mean_a", "mean_b")),
                    f"{found['difference']:+{form}} [{low:+{form}}, {high:+{form}}]",
                    p_value(found["p_value"]),
                ]
            )
    head = "SNR, dB|measure|files|A|B|B - A [95 % interval]|p-value".split("|")
    return table(head, rows)
