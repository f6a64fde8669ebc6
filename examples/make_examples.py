#!/usr/bin/env python3
"""Make the examples: clean.wav, noisy.wav and noisy.mp4, from nothing but a seed.

    python examples/make_examples.py [FOLDER]

Nobody is recorded in them: the speech is babbled by a synthesiser
(`pvsd_modules.synthetic.corpus`), and the noise, wind and a machine, is synthetic as
well. The speech is 3 dB louder than the noise, as measured over the whole file. The
video shows a drawn face that says it, with the noisy sound.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.synthetic.corpus import face_frames, noise_like, speech_like

SECONDS = 4.0
SNR = 3.0  # dB
SPEAKER, SEED = 0, 12


def main() -> None:
    """Write the three files into a folder, by default this script's own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(__file__).resolve().parent
    )
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    clean, opening = speech_like(SECONDS, SPEAKER, SEED)
    noise = noise_like(SECONDS, "pink", SEED) + noise_like(SECONDS, "hum", SEED)
    gain = np.sqrt(np.square(clean).mean() / np.square(noise).mean())
    noisy = clean + gain * 10 ** (-SNR / 20) * noise
    for name, wave in (("clean", clean), ("noisy", noisy)):
        target = folder / f"{name}.wav"
        soundfile.write(target, wave, SAMPLE_RATE, subtype="PCM_16")
    pictures = np.stack(list(face_frames(opening, SPEAKER)))
    write_lips([(pictures, noisy)], SAMPLE_RATE, folder / "noisy.mp4", enlarge=1)


if __name__ == "__main__":
    main()
