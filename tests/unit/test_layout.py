"""The layout of the package: which rooms there are, and which imports which."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pvsd_modules"
# Each room imports from those before it, never from those after it.
ROOMS = (
    *("alignment", "errors", "plots", "io", "models", "metrics", "synthetic"),
    *("faces", "data", "checkpoints", "training", "inference", "evaluation"),
    *("benchmark", "report", "demo", "commands", "cli"),
)


def module_name(path: Path) -> str:
    """`.../pvsd_modules/io/media.py` is "io.media"; a package is its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imports_of(name: str) -> set[str]:
    """Modules of the package that a file imports, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for full in names:
            top, _, rest = full.partition(".")
            if top == "pvsd_modules" and rest:
                found.add(rest if rest in FILES else rest.rpartition(".")[0])
    return found - {"", name}


IMPORTS = {name: imports_of(name) for name in FILES}


def test_top_level_holds_the_rooms_and_nothing_else():
    top = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert top == {"__init__", *ROOMS}


def test_no_relative_import_hides_an_arrow():
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_lower_rooms(room):
    upward = [
        f"{name} imports {other}"
        for name, others in sorted(IMPORTS.items())
        if name.partition(".")[0] == room
        for other in sorted(others)
        if ROOMS.index(other.partition(".")[0]) > ROOMS.index(room)
    ]
    assert not upward, upward


def test_no_circle_between_files():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_progress_bars_are_hidden_where_nobody_looks():
    """tqdm shows no bar in a log file if ``disable`` is None; True hides it always."""
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tqdm":
                options = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert "not " not in options["disable"], f"{path}:{node.lineno}"
