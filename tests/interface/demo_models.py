"""Models for the worker process of `pvsd demo`, which imports them by name."""

import os
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement


class Fatal(PseudoVisualEnhancement):
    """Ends the process at files of this name."""

    def enhance_blocks(self, source, *args, **options):
        if Path(getattr(source, "path", source)).name == "fatal.wav":
            os._exit(9)
        yield from super().enhance_blocks(source, *args, **options)


def tiny(folder):
    """The model of a folder of `tiny_networks`."""
    return Fatal.from_hparams(folder, trust=True)


def missing():
    """A model that is not there."""
    raise PvsdError("There is no such model.")
