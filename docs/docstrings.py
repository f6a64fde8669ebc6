"""Lets mkdocstrings read docstrings in SpeechBrain's form.

They are numpydoc with other titles: "Arguments" and "Example".
"""

import re

import griffe

TITLES = {"Arguments": "Parameters", "Example": "Examples"}
SECTION = re.compile(r"^(Arguments|Example)\n-+$", re.MULTILINE)


def _numpydoc(match: re.Match) -> str:
    title = TITLES[match.group(1)]
    return f"{title}\n{'-' * len(title)}"


class SpeechBrainDocstrings(griffe.Extension):
    """Renames the sections of every docstring as it is collected."""

    def on_instance(self, *, obj: griffe.Object, **kwargs) -> None:
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = SECTION.sub(_numpydoc, obj.docstring.value)
