#!/usr/bin/env python3
"""Enhancement before speech recognition: python examples/asr_front_end.py FILE [MODEL].

MODEL is a SpeechBrain recogniser, a folder or a hub id; without one the enhanced audio
only is made. Recognisers trained on noisy speech often do best with some of the noise
left in: compare strengths on recordings of your own.
"""

import sys

import torch

from pvsd_modules.inference import PseudoVisualEnhancement

STRENGTHS = (0.0, 0.5, 1.0)

enhancer = PseudoVisualEnhancement.from_hparams()
noisy = enhancer.load_audio(sys.argv[1])[None]  # [1, time] at 16 kHz
inputs = {s: enhancer.enhance_batch(noisy, strength=s) for s in STRENGTHS}
if len(sys.argv) > 2:
    from speechbrain.inference.ASR import EncoderDecoderASR

    recogniser = EncoderDecoderASR.from_hparams(sys.argv[2])
    for strength, wav in inputs.items():
        words, _ = recogniser.transcribe_batch(wav, torch.ones(1))
        print(f"strength {strength}: {words[0]}")
else:
    for strength, wav in inputs.items():
        print(
            f"strength {strength}: {tuple(wav.shape)}, level {wav.square().mean():.2e}"
        )
