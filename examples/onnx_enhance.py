#!/usr/bin/env python3
"""Enhance a file without PyTorch: python onnx_enhance.py FOLDER noisy.wav enhanced.wav.

FOLDER is made by `pvsd export`; its README.md explains the steps.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

WINDOW = np.sin(np.pi * np.arange(480) / 480)
folder, source, target = sys.argv[1:]
model = json.loads(Path(folder, "model.json").read_text("utf-8"))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
student, denoiser = (
    onnxruntime.InferenceSession(Path(folder, f"{name}.onnx"), options)
    for name in ("student", "denoiser")
)


def level(x):
    """Root mean square of the 10 ms that are neither silence nor clicks."""
    parts = x[: min(len(x) // 160 * 160, 20 * 16000)].reshape(-1, 160)
    power = np.sqrt(np.square(parts - np.median(parts.mean(1))).mean(1))
    loud = np.quantile(power[power > 1e-10], 0.97) if (power > 1e-10).any() else 0
    spoken = power[(power > 1e-3 * loud) & (power < 10 * loud)]
    return np.sqrt(np.square(spoken).mean()) if loud else 1.0


def enhance(x):
    frames, steps = -(-len(x) // 640), -(-len(x) // 160) + 2
    steps += -steps % model["steps_at_once"]
    seen = 4 * (frames + model["lookahead_frames"])
    padded = np.zeros(320 + 160 * max(seen, steps))
    padded[320 : 320 + len(x)] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, 480)[::160]
    spectrum = np.fft.rfft(windows * WINDOW).astype(np.complex64)
    spectrum = spectrum.view(np.float32).reshape(1, -1, 241, 2)
    (lips,) = student.run(None, {"spectrum": spectrum[:, :seen]})
    (y,) = denoiser.run(None, {"spectrum": spectrum[:, :steps], "lips": lips})
    parts = np.fft.irfft(y[0].view(np.complex64)[..., 0]) * WINDOW * (2 / 3)
    total = np.zeros((steps + 2, 160))
    for third in range(3):
        total[third : third + steps] += parts[:, 160 * third : 160 * third + 160]
    return total.ravel()[320 : 320 + len(x)]


sound, rate = soundfile.read(source, always_2d=True)
if rate != 16000 or len(sound) > 160 * model["whole_most_steps"]:
    sys.exit(f"{source}: 16 kHz only, up to {model['whole_most_steps'] // 100} s.")
gains = [model["level"] / level(x) for x in sound.T]
enhanced = [enhance(x * gain) / gain for x, gain in zip(sound.T, gains, strict=True)]
soundfile.write(target, np.stack(enhanced, 1), rate)
