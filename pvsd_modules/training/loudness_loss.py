"""A perceptual loss: differences of loudness, as in PESQ, but differentiable."""

import torch
from speechbrain.dataio.dataio import length_to_mask
from torch import Tensor, nn

from pvsd_modules.alignment import SAMPLE_RATE

WINDOW = 512  # 32 ms, half overlapped
SPEECH_LEVEL = 79.0  # dB SPL at which speech is presented
EXPONENT = 0.23  # of loudness over intensity (Zwicker and Fastl 1990)


class LoudnessLoss(nn.Module):
    """The audible disturbance, in the units of the MOS scale.

    A reduction of the model of PESQ (ITU-T P.862; Rix et al. 2001) to what has a
    useful gradient, in the spirit of Martin-Donas et al., "A Deep Learning Loss
    Function Based on the Perceptual Evaluation of the Speech Quality" (2018): powers
    of Bark bands, thresholds in quiet (Terhardt 1979), loudness by Zwicker's power
    law, a dead zone for differences that the louder signal masks, and a second,
    asymmetric sum which weighs noise that was added more than speech that is missing.
    As in PESQ a steady colour of the sound and slow changes of its gain are forgiven.
    Signals are taken as aligned in time. On enhanced and noisy speech the rank
    correlation with wide-band PESQ is about 0.9.

    Arguments
    ---------
    bands : int
        Bark bands between 0 and 8 kHz.
    masked : float
        Share of the weaker of two loudnesses by which a difference is forgiven.
    symmetric, asymmetric : float
        Weights of the two sums.

    Example
    -------
    >>> loss = LoudnessLoss()
    >>> clean = torch.randn(2, 8000)
    >>> bool(loss(clean, clean).abs().max() < 1e-3)
    True
    >>> bool(loss(clean + torch.randn(2, 8000), clean).min() > 0.1)
    True
    """

    def __init__(
        self,
        bands: int = 49,
        masked: float = 0.25,
        symmetric: float = 0.1,
        asymmetric: float = 0.0309,
    ):
        super().__init__()
        self.masked = masked
        self.weights = (symmetric, asymmetric)
        matrix, width, quiet = _bark_bands(bands)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("matrix", matrix, persistent=False)  # [257, bands]
        self.register_buffer("width", width, persistent=False)  # [bands], Bark
        self.register_buffer("quiet", quiet, persistent=False)  # [bands], intensity

    def forward(
        self, enhanced: Tensor, clean: Tensor, samples: Tensor | None = None
    ) -> Tensor:
        """Loss of every item.

        Arguments
        ---------
        enhanced, clean : Tensor
            ``[batch, time]``, 16 kHz. Both are scaled alike, by the level of the clean
            signal's speech.
        samples : Tensor or None
            How many samples of each item count, ``[batch]``, all by default; behind
            them both signals are silent.

        Returns
        -------
        Tensor
            ``[batch]``, about the points of MOS that the signal lacks; 0 for items
            whose clean signal is silent.
        """
        wanted, found = self._intensity(clean), self._intensity(enhanced)
        steps = wanted.shape[1]
        if samples is None:
            counts = wanted.new_full(wanted.shape[:1], steps)
        else:
            counts = samples // (WINDOW // 2) + 1
        mask = length_to_mask(counts, steps, wanted.dtype)
        wanted, found = wanted * mask[..., None], found * mask[..., None]
        total = wanted.sum(-1)  # [batch, steps]
        # The level of the speech is that of the louder half of the steps.
        loudest = total.sort(-1, descending=True).values
        louder = (counts // 2).clamp(min=1)
        level = (loudest * length_to_mask(louder, steps, total.dtype)).sum(-1) / louder
        scale = (10 ** (SPEECH_LEVEL / 10) / level.clamp(min=1e-10))[:, None, None]
        wanted, found = self._forgive(wanted * scale, found * scale)
        loud, lost = self._loudness(found), self._loudness(wanted)
        size = (loud - lost).abs() - self.masked * torch.minimum(loud, lost)
        size = size.clamp(min=0.0) * self.width
        # A band with much more than there was is a new sound, not a wrong one.
        ratio = ((found + 50.0) / (wanted + 50.0)) ** 1.2
        added = torch.where(ratio > 3.0, ratio.clamp(max=12.0), 0.0)
        symmetric = (size.square().sum(-1) + 1e-8).sqrt() * self.width.sum().sqrt()
        asymmetric = (size * added).sum(-1)  # [batch, steps]
        # Steps that are loud in the clean signal count a little less (as in PESQ).
        weight = ((wanted.sum(-1) + 1e5) / 1e7) ** -0.04
        drop = self.weights[0] * _over_time(symmetric * weight, mask)
        drop = drop + self.weights[1] * _over_time(asymmetric * weight, mask)
        return torch.where(level > 1e-8, drop, torch.zeros_like(drop))

    @staticmethod
    def _forgive(wanted: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the clean bands the colour, and the enhanced steps the gain, of the
        other signal, as far as PESQ does."""
        spoken = (wanted.sum(-1, keepdim=True) > 1e6).to(wanted)  # [batch, steps, 1]
        count = spoken.sum(1).clamp(min=1.0)
        before = (wanted * spoken).sum(1) / count
        after = (found * spoken).sum(1) / count
        colour = ((after + 1e3) / (before + 1e3)).clamp(0.01, 100.0)
        wanted = wanted * colour[:, None]
        gain = (wanted.sum(-1) + 5e3) / (found.sum(-1) + 5e3)  # [batch, steps]
        gain = gain.clamp(3e-4, 5.0)
        # A step's gain is four fifths its own and one fifth the smoothed one before.
        before = nn.functional.pad(gain[:, None], (2, 0), mode="replicate")[:, 0]
        gain = 0.8 * before[:, 2:] + 0.16 * before[:, 1:-1] + 0.04 * before[:, :-2]
        return wanted, found * gain[..., None]

    def _intensity(self, wav: Tensor) -> Tensor:
        """Intensities of the bands, ``[batch, steps, bands]``."""
        spectrum = torch.stft(
            wav,
            WINDOW,
            WINDOW // 2,
            window=self.window,
            pad_mode="constant",
            return_complex=True,
        )
        power = torch.view_as_real(spectrum).square().sum(-1) / WINDOW
        return power.mT @ self.matrix

    def _loudness(self, intensity: Tensor) -> Tensor:
        """Zwicker's loudness of band intensities, about 1 sone a Bark at 40 dB."""
        above = (0.5 + 0.5 * intensity / self.quiet) ** EXPONENT - 1.0
        return 0.19 * (2.0 * self.quiet) ** EXPONENT * above.clamp(min=0.0)


def _over_time(disturbance: Tensor, mask: Tensor) -> Tensor:
    """Short bursts disturb more than their mean: root mean square over steps."""
    squares = disturbance.clamp(max=45.0).square() * mask
    return (squares.sum(-1) / mask.sum(-1) + 1e-8).sqrt()


def _bark_bands(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gathers bins into bands of equal width in Bark (Schroeder 1977).

    Returns the matrix ``[bins, count]``, the widths in Bark and the intensities of
    the threshold in quiet, both ``[count]``.
    """
    bins = WINDOW // 2 + 1
    hertz = torch.linspace(0, SAMPLE_RATE / 2, bins).double()
    # A bin is a strip of the axis; a band gets the part of it that it covers.
    half = float(hertz[1]) / 2
    low, high = (hertz - half).clamp(min=0.0), hertz + half
    bark = torch.linspace(0, 1, count + 1).double() * _bark(high[-1:])
    edges = 600 * torch.sinh(bark / 6)
    overlap = torch.minimum(high[:, None], edges[1:]) - torch.maximum(
        low[:, None], edges[:-1]
    )
    matrix = overlap.clamp(min=0.0) / (high - low)[:, None]
    centre = (600 * torch.sinh((bark[1:] + bark[:-1]) / 12)).clamp(min=50.0) / 1000
    threshold = (
        3.64 * centre**-0.8
        - 6.5 * torch.exp(-0.6 * (centre - 3.3) ** 2)
        + 1e-3 * centre**4
    )
    return matrix.float(), bark.diff().float(), (10 ** (threshold / 10)).float()


def _bark(hertz: Tensor) -> Tensor:
    return 6 * torch.asinh(hertz / 600)
