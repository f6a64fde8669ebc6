"""Settings of a model as plain data: reading, filling in and writing them."""

from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

import ruamel.yaml
from hyperpyyaml import resolve_references

from pvsd_modules.errors import PvsdError


def plain_settings(resolved: str) -> dict:
    """Numbers, words and mappings of resolved settings, with nothing built of them.

    ``resolved`` is YAML as `hyperpyyaml.resolve_references` gives it. Where an object
    would be built stand its arguments; their ``tag`` names its class.

    Example
    -------
    >>> plain_settings("a: !new:torch.nn.Linear {in_features: 3}")["a"]["in_features"]
    3
    """
    return ruamel.yaml.YAML().load(StringIO(resolved))


def as_text(settings: dict) -> str:
    """YAML of what `plain_settings` gives."""
    text = StringIO()
    yaml = ruamel.yaml.YAML()
    yaml.width = 1000  # long lines stay whole
    yaml.dump(settings, text)
    return text.getvalue()


def loadables(settings: dict) -> dict:
    """Networks whose weights lie beside the file, of what `plain_settings` gives."""
    return mapping(mapping(settings.get("pretrainer")).get("loadables"))


def mapping(value) -> dict:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def without_networks(settings: dict, names: Iterable[str]) -> dict:
    """The settings of `plain_settings`, changed in place, without the networks of these
    names."""
    for name in names:
        for holder in (settings, mapping(settings.get("modules")), loadables(settings)):
            holder.pop(name, None)
    return settings


def templates() -> list[Path]:
    """Settings that come with the project, one file a kind of model.

    Returns
    -------
    list of Path
        The one with a student before the audio-only baseline of the same family.
    """
    package = Path(__file__).resolve().parents[1]
    # An installed package carries them inside, a checkout beside it.
    for base in (package, package.parent):
        found = sorted(
            base.glob("hparams/pretrained/*.yaml"), key=lambda p: len(p.name)
        )
        if found:
            return found
    raise PvsdError("The package holds no hparams/pretrained: install it again.")


def filled(template: str | Path, overrides: Mapping, names: Iterable[str]) -> dict:
    """The plain settings of a template with other values, in the template's structure,
    and with those networks that are named; a `PvsdError` if it cannot be read."""
    try:
        with Path(template).open(encoding="utf-8") as file:
            resolved = resolve_references(file, dict(overrides)).getvalue()
        settings = plain_settings(resolved)
        return without_networks(settings, set(loadables(settings)) - set(names))
    except (OSError, ValueError, AttributeError, ruamel.yaml.error.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PvsdError(f"{template} is no template of settings: {reason}.") from error
