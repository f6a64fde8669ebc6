"""Summaries and comparisons as tables in Markdown."""

from pvsd_modules.evaluation.measures import DECIMALS, TITLES


def markdown(summary: dict) -> str:
    """A summary as tables in Markdown, and sentences on what has no score.

    Arguments
    ---------
    summary : dict
        Of `pvsd_modules.evaluation.summarise`.

    Returns
    -------
    str
    """
    groups = summary["groups"]
    names = [name for name in TITLES if name in groups[-1]]
    lines = [*_table(groups, "snr", "SNR, dB", names, _score), ""]
    lines.append("Mean score [95 % bootstrap interval].")
    if any(group[name] and "gain" in group[name] for group in groups for name in names):
        lines += ["", *_table(groups, "snr", "SNR, dB", names, _gain), ""]
        lines.append("Gain over the noisy input [95 % bootstrap interval].")
    categories = summary.get("categories")
    if categories:
        lines += ["", *_table(categories, "category", "noise", names, _score), ""]
        lines.append("Mean score by class of noise [95 % bootstrap interval].")
    for name, files in summary["undefined"].items():
        if files:
            title = TITLES[name].split(",")[0]
            lines += ["", f"{title} undefined, left out: {len(files)} of the files: "]
            lines[-1] += ", ".join(files) + "."
    adjusted = summary.get("adjusted")
    if adjusted:
        most = 1000 * max(map(abs, adjusted.values())) / 16000
        lines += ["", f"Cut or padded to the clean sound's length: {len(adjusted)} of "]
        lines[-1] += f"the files, by {most:.0f} ms at most."
    failures = summary.get("failures")
    if failures:
        lines += ["", f"FAILED, in no mean: {len(failures)} of the files:", ""]
        lines += [f"- {file}: {why}" for file, why in failures.items()]
    return "\n".join(lines) + "\n"


def side_by_side(summaries: dict[str, dict], comparisons: dict[str, dict]) -> str:
    """Several systems in one table: by SNR, a row a system.

    Arguments
    ---------
    summaries : dict
        By the name of the system, of `pvsd_modules.evaluation.summarise`.
    comparisons : dict
        By the name of the system, of `pvsd_modules.evaluation.compare` with the
        first one.

    Returns
    -------
    str
    """
    first, *_ = summaries
    groups = summaries[first]["groups"]
    names = [name for name in TITLES if name in groups[-1]]
    head = ["SNR, dB", "system", "files", *(TITLES[name] for name in names)]
    lines = [_line(head), _line(["---:", "---", *["---:"] * (len(head) - 2)])]
    for index, group in enumerate(groups):
        if any(group[name] and "noisy" in group[name] for name in names):
            cells = [_noisy(group[name], name) for name in names]
            files = str(group["files"])
            lines.append(_line([_level(group["snr"]), "noisy", files, *cells]))
        for system, summary in summaries.items():
            own = summary["groups"][index]
            cells = [_score(own[name], name) for name in names]
            files = str(own["files"])
            lines.append(_line([_level(own["snr"]), system, files, *cells]))
    lines += ["", "Mean score [95 % bootstrap interval]."]
    for system, comparison in comparisons.items():
        lines += ["", f"{system} minus {first}:", "", comparison_table(comparison)]
    for system, summary in summaries.items():
        if summary["failures"]:
            lines += ["", f"FAILED, in no mean of {system}: "]
            lines[-1] += (
                f"{len(summary['failures'])} of the files, see its own summary."
            )
    return "\n".join(lines).rstrip("\n") + "\n"


def comparison_table(comparison: dict) -> str:
    """Paired differences as a table in Markdown, a row for each SNR and measure.

    Arguments
    ---------
    comparison : dict
        Of `pvsd_modules.evaluation.compare`.

    Returns
    -------
    str
    """
    head = "SNR, dB|measure|files|A|B|B - A [95 % interval]|p".split("|")
    lines = [_line(head), _line(["---:", "---", *["---:"] * 5])]
    for group in comparison["groups"]:
        for name, stats in group.items():
            if name == "snr":
                continue
            places = DECIMALS.get(name, 2) + 1
            low, high = stats["interval"]
            difference = f"{stats['difference']:+.{places}f} [{low:+.{places}f}, "
            cells = [_level(group["snr"]), TITLES.get(name, name), str(stats["files"])]
            cells += [f"{stats[key]:.{places}f}" for key in ("mean_a", "mean_b")]
            cells += [f"{difference}{high:+.{places}f}]", _p_value(stats["p_value"])]
            lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _p_value(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0002 else "< 0.0002"


def _table(groups: list[dict], key: str, title: str, names: list[str], cell) -> list:
    head = [title, "files", *(TITLES[name] for name in names)]
    lines = [_line(head), _line(["---:"] * len(head))]
    for group in groups:
        cells = [cell(group[name], name) for name in names]
        lines.append(_line([_level(group[key]), str(group["files"]), *cells]))
    return lines


def _level(value) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _score(stats: dict | None, name: str) -> str:
    if stats is None:
        return "undefined"
    places = DECIMALS.get(name, 2)
    low, high = stats["mean_interval"]
    return f"{stats['mean']:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def _gain(stats: dict | None, name: str) -> str:
    if stats is None:
        return "undefined"
    if "gain" not in stats:
        return ""
    places = DECIMALS.get(name, 2)
    low, high = stats["gain_interval"]
    return f"{stats['gain']:+.{places}f} [{low:+.{places}f}, {high:+.{places}f}]"


def _noisy(stats: dict | None, name: str) -> str:
    if stats is None or "noisy" not in stats:
        return "undefined"
    return f"{stats['noisy']:.{DECIMALS.get(name, 2)}f}"
