"""Dependencies: each is in the table of licences, and of no version known as unsafe."""

import importlib.metadata as metadata
import json
import re
import runpy
from fnmatch import fnmatch
from pathlib import Path
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
ADVISORIES = json.loads((ROOT / "tests/unit/advisories.json").read_text())
KNOWN = re.findall(r"^\| ([\w.*-]+) \| \w+ \| (.+) \|$", TABLE, re.MULTILINE)
COPYLEFT = re.compile(r"\bA?GPL|GNU (Affero )?General", re.IGNORECASE)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def direct():
    """The requirements of setup.py, of all extras."""
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    given = setup.call_args.kwargs
    lists = [given["install_requires"], *given["extras_require"].values()]
    return [Requirement(text) for texts in lists for text in texts]


@pytest.fixture(scope="module")
def installed(direct):
    """Every installed dependency and what it needs in turn."""
    found, waiting = {}, list(direct)
    while waiting:
        requirement = waiting.pop()
        name = canonical(requirement.name)
        extras = requirement.extras or {""}
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = distribution
        for text in distribution.requires or []:
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    return found


def test_every_dependency_is_in_the_table(direct, installed):
    names = {canonical(requirement.name) for requirement in direct} | set(installed)
    unknown = [
        name
        for name in sorted(names)
        if not any(fnmatch(name, canonical(pattern)) for pattern, _ in KNOWN)
    ]
    assert not unknown, "add them and their licences to docs/dependencies.md"


def test_no_dependency_is_under_the_gpl_unless_the_table_says_so(installed):
    stated = {canonical(name): licence for name, licence in KNOWN}
    for name, distribution in installed.items():
        fields = distribution.metadata
        words = fields.get("License-Expression") or " ".join(
            x for x in fields.get_all("Classifier") or [] if x.startswith("License")
        )
        if COPYLEFT.search(words) and "Lesser" not in words:
            assert "GPL" in stated[name], name
    assert "GPL" in stated["av"]  # x264 and x265 in its wheel


def test_no_version_with_a_known_vulnerability_is_installed(installed):
    for advisory in ADVISORIES:
        found = installed.get(canonical(advisory["package"]))
        if found is not None:
            assert Version(found.version) >= Version(advisory["below"]), advisory


def test_no_requirement_admits_a_version_with_a_known_vulnerability(direct):
    for requirement in direct:
        for advisory in ADVISORIES:
            if canonical(advisory["package"]) == canonical(requirement.name):
                bounds = [
                    Version(part.version)
                    for part in requirement.specifier
                    if part.operator in (">=", "==")
                ]
                assert bounds and max(bounds) >= Version(advisory["below"]), advisory
