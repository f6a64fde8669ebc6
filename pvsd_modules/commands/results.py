"""What happened to each file of a run: for the summary and the report."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pvsd_modules import __version__
from pvsd_modules.commands.common import complain, say
from pvsd_modules.errors import PvsdError


@dataclass
class Result:
    """What happened to one file, as it is written in the report."""

    input: str
    output: str
    status: str = "failed"  # enhanced, skipped or failed
    seconds: float = 0.0  # of sound
    took: float = 0.0  # seconds
    notes: list[str] = field(default_factory=list)
    error: str = ""


def check_report(report: Path, jobs: list, overwrite: bool) -> None:
    """Refuse a report that would replace a file of another kind."""
    places = {os.path.realpath(path) for job in jobs for path in job}
    if os.path.realpath(report) in places:
        raise PvsdError(f"{report} is an input or output: choose another --report.")
    if not os.path.lexists(report) or overwrite:
        return
    try:
        ours = "pvsd" in json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise PvsdError(f"{report} exists: add --overwrite to replace it.")


def write_report(path: Path, settings: dict, results: list[Result]) -> None:
    """Write the results as JSON, with the settings of the run."""
    from pvsd_modules.io.atomic import write_text

    content = {
        "pvsd": __version__,
        **settings,
        **_counts(results),
        "files": [asdict(result) for result in results],
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


def _counts(results: list[Result]) -> dict[str, int]:
    return {
        status: sum(result.status == status for result in results)
        for status in ("enhanced", "skipped", "failed")
    }


def summarise(results: list[Result], took: float) -> int:
    """Print what happened to several files; the exit code."""
    counts = _counts(results)
    seconds = sum(result.seconds for result in results)
    say(
        f"{counts['enhanced']} enhanced, {counts['skipped']} skipped (done before), "
        f"{counts['failed']} failed; {seconds:.1f} s of sound in {took:.1f} s"
    )
    if counts["failed"]:
        complain(f"{counts['failed']} of {len(results)} files failed.")
    return 1 if counts["failed"] else 0
