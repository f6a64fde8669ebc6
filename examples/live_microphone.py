#!/usr/bin/env python3
"""Enhance the microphone and play the result: python examples/live_microphone.py [S].

Needs `pip install 'pvsd[live]'` and PortAudio (Debian: libportaudio2). Wear headphones.
It stops after S seconds, or with Ctrl-C.
"""

import sys

import sounddevice
import torch

from pvsd_modules.inference import PseudoVisualEnhancement

RATE, CHUNK = 16000, 160  # 10 ms

torch.set_num_threads(1)
seconds = float(sys.argv[1]) if len(sys.argv) > 1 else float("inf")
enhancer = PseudoVisualEnhancement.from_hparams("streaming")
context = enhancer.make_streaming_context()
print(f"latency of the model: {context.latency_samples / RATE * 1000:.0f} ms")
stream = {"samplerate": RATE, "channels": 1, "dtype": "float32", "blocksize": CHUNK}
played = late = 0
with (
    sounddevice.InputStream(**stream) as source,
    sounddevice.OutputStream(**stream) as sink,
):
    while played < seconds * RATE:
        recorded, overflowed = source.read(CHUNK)
        ready = enhancer.enhance_chunk(context, torch.from_numpy(recorded.T.copy()))
        late += overflowed + sink.write(ready.T.contiguous().numpy())
        played += CHUNK
print(f"{late} dropouts")
