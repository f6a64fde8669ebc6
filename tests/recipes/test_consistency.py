"""SpeechBrain's own habits: scripts and settings agree, docstrings, YAML style, CSV.

The rules are those of SpeechBrain's tests/consistency; its package does not ship them.
"""

import ast
import csv
import itertools
import re
from pathlib import Path

import pytest
import yaml
from speechbrain.utils.run_opts import RunOptions

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "recipes" / "csv" / "LRS3_VGGSound.csv"
COLUMNS = (
    "Task Dataset Script_file Hparam_file Data_prep_file Readme_file Result_url "
    "HF_repo test_debug_flags test_debug_checks performance"
).split()


def rows():
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


ROWS = rows()


def name_of(row):
    return Path(row["Hparam_file"]).with_suffix("").as_posix()


class Loader(yaml.SafeLoader):
    """Reads the keys of HyperPyYAML files; what tags make does not matter."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: construct(loader, node))


def construct(loader, node):
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def test_the_table_has_speechbrains_columns_and_a_row_for_each_training_yaml():
    assert list(ROWS[0]) == COLUMNS
    wanted = [*(ROOT / "hparams/open").iterdir(), *(ROOT / "hparams/paper").iterdir()]
    found = {ROOT / row["Hparam_file"] for row in ROWS}
    assert found == set(wanted)
    for row in ROWS:
        for column in ("Script_file", "Hparam_file", "Data_prep_file", "Readme_file"):
            assert (ROOT / row[column]).is_file(), row[column]
        assert "--debug " in row["test_debug_flags"]
        assert re.fullmatch(r"file_exists=\[.+\]", row["test_debug_checks"])


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_every_key_is_read_by_the_script_or_by_another_key(row):
    text = (ROOT / row["Hparam_file"]).read_text(encoding="utf-8")
    script = (ROOT / row["Script_file"]).read_text(encoding="utf-8")
    keys = {key for key in yaml.load(text, Loader) if not key.startswith("__")}
    read = set(re.findall(r"<(\w+)>", text)) | set(RunOptions().as_dict())
    for pair in re.findall(r'\["(\w+)"\]|hparams\.(\w+)', script):
        read |= set(pair)
    for ending in re.findall(r'\[f"\{\w+\}(\w+)"\]', script):
        read |= {key for key in keys if key.endswith(ending)}
    assert not keys - read


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_modules_of_the_script_are_those_of_the_yaml(row):
    settings = yaml.load((ROOT / row["Hparam_file"]).read_text("utf-8"), Loader)
    script = (ROOT / row["Script_file"]).read_text(encoding="utf-8")
    used = set(re.findall(r"self\.modules\.(\w+)", script))
    assert used and used <= set(settings["modules"])


def documented(path):
    """Definitions of a file that SpeechBrain wants a docstring of, without one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if ast.get_docstring(tree) is None:
        yield path.name
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    # What overrides a method of a base class may be described there.
    own = [node for node in classes if not node.bases and node.name[0] != "_"]
    places = [tree, *own]
    kinds = (ast.FunctionDef, ast.ClassDef)
    for place in places:
        for node in place.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):
                if ast.get_docstring(node) is None:
                    yield f"{path.name}: {node.name}"


def test_everything_public_has_a_docstring():
    files = [*ROOT.glob("pvsd_modules/**/*.py"), *ROOT.glob("recipes/**/*.py")]
    assert not [name for path in files for name in documented(path)]


def undocumented(path):
    """Definitions that SpeechBrain's own check reports; it goes by lines, so that local
    functions count, and those with a return type do not."""
    text = path.read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    lines = [
        x for x in lines if x and x[0] != "#" and ">>>" not in x and "..." not in x
    ]
    for line, following in itertools.pairwise(lines):
        definition = re.match(r"(def [^_].*\(.*\)|class .*):", line)
        if definition and not following.startswith(('"', 'r"')):
            yield f"{path.name}: {line}"


def test_speechbrains_docstring_check_passes():
    files = [*ROOT.glob("pvsd_modules/**/*.py"), *ROOT.glob("recipes/**/*.py")]
    assert not [name for path in files for name in undocumented(path)]


def test_yaml_style():
    yamllint = pytest.importorskip("yamllint.linter")
    from yamllint.config import YamlLintConfig

    config = YamlLintConfig(
        "extends: default\n"
        "rules:\n"
        "  document-start: {present: false}\n"
        "  truthy: {allowed-values: ['True', 'False']}\n"
        "  comments: disable\n"
        "  comments-indentation: disable\n"
        "  line-length: disable\n"
    )
    for path in ROOT.glob("hparams/**/*.yaml"):
        problems = yamllint.run(path.read_text(encoding="utf-8"), config)
        assert not [f"{path}: {problem}" for problem in problems]
