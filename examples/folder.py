#!/usr/bin/env python3
"""Enhance every WAV file of a folder: python examples/folder.py IN OUT.

`pvsd enhance IN -o OUT` does the same. Here the model is loaded once, and what cannot
be read is named while the others go on.
"""

import sys
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement

source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir(exist_ok=True)
enhancer = PseudoVisualEnhancement.from_hparams()
for path in sorted(source.glob("*.wav")):
    try:
        enhancer.enhance_file(path, target / path.name)
    except PvsdError as error:
        print(error, file=sys.stderr)
