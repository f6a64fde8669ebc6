"""The original's two inference programs, restated here from our pieces."""

import numpy as np
import torch

from pvsd_modules.models.paper.features import MagnitudePhase, Wav2LipMel


def stitch(windows):
    """predict(): 80 frames of every 1 s window but the last, which is whole."""
    return torch.cat([*windows[:-1, :80], windows[-1]])


def test_predict_stft(denoiser, student_lips, spectra, stored):
    with torch.inference_mode():
        cleaned = denoiser(spectra["clean"], student_lips["clean"])
    assert (stitch(cleaned) - stored["predict_stft"]).abs().max() <= 1e-5


def test_predict_wave(stored):
    wave = MagnitudePhase().inverse(stored["predict_stft"][None])[0]
    assert wave.shape == stored["predict_wave"].shape
    assert (wave - stored["predict_wave"]).abs().max() <= 1e-5


def test_predict_with_an_identity_network(clean, stored):
    windows = torch.stack([clean[start : start + 16000] for start in (1280, 14080)])
    spectra = MagnitudePhase()
    wave = spectra.inverse(stitch(spectra(windows)[:, :100])[None])[0]
    assert (wave - stored["predict_identity_wave"]).abs().max() <= 1e-5


def test_predict_end_to_end(denoiser, student_lips, clean, stored):
    # With our own phases in frame 0 of both windows, which are another FFT's.
    windows = torch.stack([clean[start : start + 16000] for start in (1280, 14080)])
    spectra = MagnitudePhase()
    with torch.inference_mode():
        cleaned = denoiser(spectra(windows)[:, :100], student_lips["clean"])
        wave = spectra.inverse(stitch(cleaned)[None])[0]
    error = (wave - stored["predict_wave"]).square().mean()
    ratio = stored["predict_wave"].square().mean() / error
    assert 10 * ratio.log10() >= 20


def chunk_starts(columns, fps):
    """lipsync/inference.py: first mel columns of its windows of 16."""
    starts, start = [], 0
    while start + 16 <= columns:
        starts.append(start)
        start = int(len(starts) * 80 / fps)
    return [*starts, columns - 16]


def test_lipsync_frames(student, clean, stored):
    mel = Wav2LipMel().whole(clean)  # [80, 201]
    for fps in (25, 30):
        theirs = stored[f"lipsync_chunk_starts_fps{fps}"].tolist()
        assert chunk_starts(mel.shape[1], fps) == theirs
    starts = chunk_starts(mel.shape[1], 25)
    chunks = torch.stack([mel[:, starts[i] :][:, :16] for i in (0, 30, 59)])
    with torch.inference_mode():
        lips = student(chunks[None, :, None])[0]  # [3, 3 frames, 48, 96]
    frames = (lips.permute(1, 2, 3, 0).numpy() * 255).astype(np.uint8)
    theirs = stored["lipsync_frames_u8_first_mid_last"].numpy()
    assert np.abs(frames.astype(int) - theirs).max() <= 1
