#!/usr/bin/env python3
"""Draw what pvsd makes of examples/noisy.wav: listening.png and lips.gif.

python docs/draw_listening.py [FOLDER]
"""

import sys
from pathlib import Path

import soundfile
import torch
from PIL import Image

from pvsd_modules.alignment import FPS
from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement
from pvsd_modules.plots import save_spectrograms

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCALE = 2  # pixels of the GIF for each pixel of the lips
SECONDS = 2


def main(folder: Path) -> None:
    """Write both pictures into a folder."""
    noisy, clean = (
        torch.from_numpy(soundfile.read(EXAMPLES / f"{name}.wav", dtype="float32")[0])
        for name in ("noisy", "clean")
    )
    enhanced = PseudoVisualEnhancement.from_hparams().enhance_batch(noisy[None])[0]
    signals = {"noisy": noisy, "enhanced": enhanced, "clean": clean}
    picture = folder / "listening.png"
    save_spectrograms(signals, picture)
    with Image.open(picture) as drawn:
        small = drawn.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)

    lips = LipGenerator.from_hparams().generate_batch(noisy[None])[0]
    frames = [
        Image.fromarray((frame * 255).round().to(torch.uint8).numpy()).resize(
            (SCALE * frame.shape[1], SCALE * frame.shape[0]), Image.Resampling.BICUBIC
        )
        for frame in lips[: SECONDS * FPS]
    ]
    palette, none = frames[0].quantize(64), Image.Dither.NONE
    first, *others = [frame.quantize(palette=palette, dither=none) for frame in frames]
    first.save(
        folder / "lips.gif",
        save_all=True,
        append_images=others,
        duration=1000 // FPS,
        loop=0,
    )


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
