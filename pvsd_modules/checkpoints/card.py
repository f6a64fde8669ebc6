"""The model card of an exported folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pvsd_modules.errors import PvsdError

# Licences that the Hugging Face hub knows by these names.
_KNOWN = ("mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0")
_KNOWN += ("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-3.0")
_SECTIONS = {
    "data": r"^#+ .*\bdata\b",
    "licence": r"licen[cs]e",
    "metrics": r"^#+ .*\b(figures|scores|metrics|results)\b",
}


@dataclass
class Card:
    """What a user must know of a model before using it.

    Arguments
    ---------
    data : str
        What it was trained on.
    licence : str
        Of the weights.
    metrics : str
        Scores, in Markdown.
    own : str
        A card of one's own instead, in Markdown.
    """

    data: str = ""
    licence: str = ""
    metrics: str = ""
    own: str = ""

    def check_complete(self) -> None:
        """Raises PvsdError if the card does not state data, licence and metrics."""
        missing = [
            name
            for name, pattern in _SECTIONS.items()
            if not (
                re.search(pattern, self.own, re.I | re.M)
                if self.own
                else getattr(self, name).strip()
            )
        ]
        if missing:
            raise PvsdError(
                f"The card does not state {', '.join(missing)}: nothing is published "
                "without data, licence and metrics."
            )

    def text(self, settings: dict, weights: Mapping[str, dict]) -> str:
        """The card in Markdown, with what the hub reads at its head.

        Arguments
        ---------
        settings : dict
            Of the model, see `pvsd_modules.checkpoints.settings.plain_settings`.
        weights : Mapping
            State dict of each network.
        """
        if self.own:
            return self.own
        rows = [
            f"| {name}.ckpt | {sum(x.numel() for x in state.values()):,} | "
            f"{'half' if _is_half(state) else 'float32'} |"
            for name, state in weights.items()
        ]
        unknown = "Not stated."
        return _CARD.format(
            head=_head(self.licence),
            licence=self.licence or unknown,
            data=self.data or unknown,
            metrics=self.metrics or "None was measured.",
            rows="\n".join(rows),
            lips=settings["lips"],
            latency=_milliseconds(settings["latency_ms"]),
            family=settings["family"],
        )


def _milliseconds(latency: float | None) -> str:
    return "none, it cannot be streamed" if latency is None else f"{latency:g} ms"


def _is_half(state: dict) -> bool:
    return any(str(value.dtype) == "torch.float16" for value in state.values())


def _head(licence: str) -> str:
    """YAML for the hub; it knows few licences by name."""
    name = re.sub(r"[\s_]+", "-", licence.strip().lower())
    if name in _KNOWN:
        return f"license: {name}"
    quoted = licence.replace('"', "'")
    return "license: other" + (f'\nlicense_name: "{quoted}"' if licence else "")


_CARD = """---
{head}
tags: [speech-enhancement, audio-to-audio, speechbrain, pvsd]
---

# Pseudo-visual speech denoising

Licence: {licence}

Enhances speech at 16 kHz with lips that are generated from the noisy audio. Networks of
the {family} family; the denoiser is given lips: {lips}; latency of a live stream:
{latency}.

| file | weights | precision |
|---|---|---|
{rows}

## Use

    pip install pvsd
    pvsd enhance noisy.wav -o enhanced.wav --model FOLDER_OR_HUB_ID

```python
from pvsd_modules.inference import PseudoVisualEnhancement

enhancer = PseudoVisualEnhancement.from_hparams("FOLDER_OR_HUB_ID")
enhancer.enhance_file("noisy.wav", "enhanced.wav")
```

Of a hub id, name the revision: `OWNER/NAME@REVISION`. `example.py` is such a program;
`custom_interface.py` is for SpeechBrain's `foreign_class`.

## Data

{data}

## Metrics

{metrics}

## Limits

Generated lips are computed from audio and show nobody's real mouth: they are no
evidence of what was said.
"""
