"""Makes one voice sound like many: a teacher trained on few speakers must not care."""

import torch
from torch import Tensor
from torch.nn import functional

from pvsd_modules.models.inverse import inverse_stft


class VoiceChanger:
    """Random formants, colour and level on a batch, without moving anything in time.

    Short-time spectra are stretched along frequency (vocal tract length, Jaitly &
    Hinton 2013) and put back with their own phases; harmonics and formants move
    together, as between a man's, a woman's and a child's voice. A smooth random
    filter and a little noise stand for the microphone.

    Arguments
    ---------
    stretch : tuple of float
        Range of the factor on all frequencies.
    equaliser_db : float
        Largest boost or cut of the filter.
    noise_db : tuple of float
        Range of the noise floor below the signal.
    level_db : tuple of float
        Range of the level (root mean square, relative to full scale).

    Example
    -------
    >>> VoiceChanger()(torch.randn(2, 3200)).shape
    torch.Size([2, 3200])
    """

    def __init__(
        self,
        stretch=(0.8, 1.5),
        equaliser_db: float = 8.0,
        noise_db=(20.0, 60.0),
        level_db=(-40.0, -14.0),
    ):
        self.stretch = stretch
        self.equaliser_db = equaliser_db
        self.noise_db = noise_db
        self.level_db = level_db

    def __call__(self, wav: Tensor) -> Tensor:
        """``[batch, time]`` to the same shape."""
        batch, samples = wav.shape
        window = torch.hann_window(512, device=wav.device)
        spectrum = torch.stft(wav, 512, 128, window=window, return_complex=True)
        bins, steps = spectrum.shape[1:]
        low, high = self.stretch
        factor = low * (high / low) ** torch.rand(batch, device=wav.device)
        # grid_sample reads the magnitude at frequency / factor, in -1..1 coordinates
        grid = torch.linspace(0, 1, bins, device=wav.device) / factor[:, None]
        across = torch.linspace(-1, 1, steps, device=wav.device)
        grid = torch.stack(
            [
                across.expand(batch, bins, steps),
                (2 * grid - 1)[:, :, None].expand(batch, bins, steps),
            ],
            -1,
        )
        magnitude = functional.grid_sample(
            spectrum.abs()[:, None], grid, align_corners=True
        )[:, 0]
        points = 2 * torch.rand(batch, 1, 8, device=wav.device) - 1
        curve = functional.interpolate(
            self.equaliser_db * points, bins, mode="linear", align_corners=True
        )[:, 0]
        magnitude = magnitude * 10 ** (curve / 20)[:, :, None]
        changed = torch.polar(magnitude, spectrum.angle())
        changed = inverse_stft(changed, window, 128, samples)
        return self._level(changed)

    def _level(self, wav: Tensor) -> Tensor:
        def uniform(bounds):
            """A number within bounds for each item."""
            low, high = bounds
            return low + (high - low) * torch.rand(len(wav), 1, device=wav.device)

        level = wav.square().mean(-1, keepdim=True).sqrt() + 1e-6
        wav = wav / level
        wav = wav + torch.randn_like(wav) * 10 ** (-uniform(self.noise_db) / 20)
        return wav * 10 ** (uniform(self.level_db) / 20)
