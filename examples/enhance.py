#!/usr/bin/env python3
"""Enhance one file: python examples/enhance.py noisy.wav enhanced.wav."""

import sys

from pvsd_modules.inference import PseudoVisualEnhancement

enhancer = PseudoVisualEnhancement.from_hparams()  # or source="my_model"
enhanced = enhancer.enhance_file(sys.argv[1], sys.argv[2])
print(f"{sys.argv[2]}: {enhanced.shape[-1]} samples")
