"""Decides what the hyperparams.yaml of a model folder may build.

HyperPyYAML can call any function of any installed package while it reads a file. Here
a file is first looked at as plain data; unless all that it would build is on a short
list, it is refused in one sentence and nothing of it runs.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import ruamel.yaml
from hyperpyyaml import resolve_references
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from torch import nn

from pvsd_modules.errors import PvsdError

#: What may be built besides the networks of `pvsd_modules.models`.
ALLOWED = frozenset(
    {
        "pvsd_modules.checkpoints.weights.StrictPretrainer",
        "pvsd_modules.inference.observation.ObservationAdding",
        "pvsd_modules.inference.recurrent_stream.RecurrentStream",
        "pvsd_modules.inference.windowed_stream.WindowedStream",
        "speechbrain.dataio.preprocess.AudioNormalizer",
        "speechbrain.processing.features.ISTFT",
        "speechbrain.processing.features.STFT",
        "speechbrain.utils.parameter_transfer.Pretrainer",
        "torch.nn.GELU",
        "torch.nn.Identity",
        "torch.nn.LeakyReLU",
        "torch.nn.PReLU",
        "torch.nn.ReLU",
        "torch.nn.SiLU",
    }
)
_NETWORKS = "pvsd_modules.models."
#: Networks of earlier versions, and the first version without them.
REMOVED = {"pvsd_modules.models.open.denoiser.OpenDenoiser": "0.2.0"}
_YAML = "tag:yaml.org,2002:"
_PLAIN = {_YAML + kind for kind in "str int float bool null map seq timestamp".split()}
_REFERENCE = re.compile(r"<\w+(\[\w+\])*>")
_TUPLE = re.compile(r"\([\w.,+ -]*\)")
_BUILDS = re.compile(r"!(?:new|name):(.*)")

MAX_BYTES = 100_000
MAX_NODES = 20_000  # with every alias written out
MAX_NUMBER = 1_000_000
REMEDY = "load it with --trust, or trust=True, only if you trust where it comes from"
_BAD_YAML = (ruamel.yaml.error.YAMLError, ValueError, KeyError, TypeError)
_BAD_YAML += (AttributeError, RecursionError)


def resolved_settings(
    path: str | Path,
    overrides: Mapping | str | None = None,
    must_match: bool = True,
    trust: bool = False,
) -> str:
    """Reads a hyperparams.yaml and resolves its references; builds nothing.

    Arguments
    ---------
    path : str or Path
        File in HyperPyYAML's syntax.
    overrides : Mapping, str or None
        As for `hyperpyyaml.load_hyperpyyaml`.
    must_match : bool
        Whether an override of a key that the file lacks is an error.
    trust : bool
        Whether the file may build anything. Resolving a trusted file may then run
        its ``!applyref`` and read its ``!include``.

    Returns
    -------
    str
        YAML for `hyperpyyaml.load_hyperpyyaml`, which builds only what is allowed.

    Raises
    ------
    PvsdError
        If the file cannot be read, is no valid YAML or would build something else.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise PvsdError(f"{path} is missing or no file: is the folder complete?")
        if not trust:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
            if len(text) > MAX_BYTES:
                raise PvsdError(f"{path} is over {MAX_BYTES} bytes: {REMEDY}.")
            _check(text.decode("utf-8"), path, references=True)
        with path.open(encoding="utf-8") as file:
            resolved = resolve_references(file, overrides, must_match).getvalue()
        if not trust:
            _check(resolved, path, references=False)
    except OSError as error:
        raise PvsdError(
            f"{path} cannot be read ({error.strerror}): check its permissions."
        ) from error
    except _BAD_YAML as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PvsdError(
            f"{path} cannot be read as settings of a model: {reason.rstrip('.')}."
        ) from error
    return resolved


def _check(text: str, path: Path, references: bool) -> None:
    """Raises PvsdError unless all that a text would build is allowed."""
    root = ruamel.yaml.Loader(text).get_single_node()
    if not isinstance(root, MappingNode):
        raise PvsdError(f"{path} holds no settings of a model.")
    if _size(root, {}) > MAX_NODES:
        raise PvsdError(f"{path} is too large with its aliases written out: {REMEDY}.")
    checker = _Checker(path, references)
    checker.visit(root)
    options = [key.value for key, _ in root.value if key.value in _RUN_OPTIONS]
    if options:
        raise PvsdError(
            f"{path} sets {options[0]}, which is for the user to choose: {REMEDY}."
        )


# Options of `speechbrain.utils.run_opts.RunOptions` that make other programs run.
_RUN_OPTIONS = ("compile", "compile_module_keys", "jit", "jit_module_keys")


def _size(node: Node, known: dict) -> int:
    """Number of nodes with every alias written out; more than allowed in a circle."""
    if isinstance(node, ScalarNode):
        return 1 + len(node.value) // 1000
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1  # if met again below itself
        known[id(node)] = 1 + sum(_size(child, known) for child in _children(node))
    return known[id(node)]


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, SequenceNode) else []


class _Checker:
    """Walks through the nodes of a document before anything is built of them."""

    def __init__(self, path: Path, references: bool):
        self.path, self.references = path, references
        self.seen = set()

    def refuse(self, node: Node, what: str) -> PvsdError:
        line = node.start_mark.line + 1
        where = f"{self.path}, line {line}" if self.references else str(self.path)
        return PvsdError(f"{where}: {what[:200]} is not allowed: {REMEDY}.")

    def visit(self, node: Node) -> None:
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        self.check(node)
        for child in _children(node):
            self.visit(child)

    def check(self, node: Node) -> None:
        tag = str(node.tag)
        building = _BUILDS.fullmatch(tag)
        if building and building[1] in REMOVED:
            raise PvsdError(
                f"{self.path} is a model of an earlier version: pvsd "
                f"{REMOVED[building[1]]} has no {building[1].rpartition('.')[2]} any "
                "more. Enhance with the version that it was made for, or train its "
                "successor, see hparams/open/denoiser.yaml."
            )
        if isinstance(node, ScalarNode) and self.is_value(node, tag):
            return
        if building:
            if not is_allowed(building[1]):
                raise self.refuse(node, f"building {building[1]}")
            if building[1].endswith("Pretrainer"):
                self.check_pretrainer(node)
        elif tag not in _PLAIN or isinstance(node, ScalarNode):
            raise self.refuse(node, tag.replace(_YAML, "!!"))

    def is_value(self, node: ScalarNode, tag: str) -> bool:
        """Whether a scalar is a plain value, or a reference to one."""
        if tag in ("!ref", "!PLACEHOLDER"):
            named = tag == "!PLACEHOLDER" or _REFERENCE.fullmatch(node.value)
            return self.references and bool(named)
        if tag not in {*_PLAIN, "!tuple"}:
            return False
        if node.value.startswith("(") and not node.style:
            return bool(_TUPLE.fullmatch(node.value))  # HyperPyYAML parses it again
        if tag == _YAML + "int":
            value = ruamel.yaml.YAML(typ="safe").load(node.value[:20])
            if len(node.value) > 20 or abs(value) > MAX_NUMBER:
                raise self.refuse(node, f"a number over {MAX_NUMBER}")
        return tag != "!tuple"

    def check_pretrainer(self, node: Node) -> None:
        """Weights lie beside the file, under the names of their networks."""
        keys = [key.value for key, _ in node.value if isinstance(node, MappingNode)]
        if keys != ["loadables"] or not isinstance(node.value[0][1], MappingNode):
            raise self.refuse(node, "a Pretrainer of anything but loadables")
        for key, _ in node.value[0][1].value:
            if not re.fullmatch(r"\w+", str(key.value)):
                raise self.refuse(key, f"weights named {key.value}")


def is_allowed(name: str) -> bool:
    """Whether a file that nobody vouches for may build an object of this class: a
    network of this project, or what `ALLOWED` lists.

    Example
    -------
    >>> is_allowed("torch.nn.ReLU"), is_allowed("subprocess.Popen")
    (True, False)
    """
    if name in ALLOWED:
        return True
    module, _, last = name.rpartition(".")
    if not re.fullmatch(r"[\w.]+", name) or not module.startswith(_NETWORKS):
        return False
    try:
        if find_spec(module) is None:
            return False
    except ModuleNotFoundError:  # its parent is no package
        return False
    found = getattr(import_module(module), last, None)
    # Not what the module imports from elsewhere.
    is_own = isinstance(found, type) and found.__module__ == module
    return is_own and issubclass(found, nn.Module)
