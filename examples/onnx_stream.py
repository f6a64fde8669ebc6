#!/usr/bin/env python3
"""Without PyTorch: onnx_stream.py FOLDER < in.f32 > out.f32, raw float32 at 16 kHz."""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

WINDOW = np.sin(np.pi * np.arange(480) / 480)


class Stream:  # the README.md of FOLDER, which `pvsd export` made, explains the steps
    def __init__(self, folder):
        model = json.loads(Path(folder, "model.json").read_text("utf-8"))
        self.delay, self.hop = model["delay_samples"], 160 * model["steps_at_once"]
        options = SessionOptions()
        options.intra_op_num_threads = 1
        self.graphs, self.states = {}, {}
        for name in ("student_stream", "denoiser_stream"):
            self.graphs[name] = InferenceSession(f"{folder}/{name}.onnx", options)
            sizes = {s["name"]: s["shape"] for s in model["graphs"][name]["states"]}
            self.states[name] = {n: np.zeros(s, "f4") for n, s in sizes.items()}
        self.sound, self.tail = np.zeros(320), np.zeros(320)
        self.frame = np.zeros((1, 0, 241, 2), "f4")
        self.lips = np.zeros((1, 1, 48, 96, 3), "f4")

    def run(self, name, **inputs):
        result, *states = self.graphs[name].run(None, inputs | self.states[name])
        self.states[name] = dict(zip(self.states[name], states, strict=True))
        return result

    def feed(self, chunk):  # of any size
        self.sound, done = np.append(self.sound, chunk), [np.zeros(0)]
        while len(self.sound) >= 320 + self.hop:
            part, self.sound = self.sound[: 320 + self.hop], self.sound[self.hop :]
            windows = np.lib.stride_tricks.sliding_window_view(part, 480)[::160]
            y = np.fft.irfft(self.enhance(np.fft.rfft(windows * WINDOW))) * WINDOW
            total = np.append(self.tail, np.zeros(self.hop))
            for i, part in enumerate(y):
                total[160 * i : 160 * i + 480] += part * (2 / 3)
            done.append(total[: self.hop])
            self.tail = total[self.hop :]
        return np.concatenate(done).astype("f4")  # `delay` samples behind

    def enhance(self, spectrum):
        spectrum = spectrum.astype("c8").view("f4").reshape(1, -1, 241, 2)
        self.frame = np.append(self.frame, spectrum, 1)
        if self.frame.shape[1] == 4:
            self.lips = self.run("student_stream", spectrum=self.frame)
            self.frame = self.frame[:, :0]
        y = self.run("denoiser_stream", spectrum=spectrum, lips=self.lips)
        return y[0].view("c8")[..., 0]


if __name__ == "__main__":
    stream, output = Stream(sys.argv[1]), open(1, "wb", 0)
    while data := sys.stdin.buffer.read(640):  # 10 ms
        output.write(stream.feed(np.frombuffer(data, "f4")).tobytes())
