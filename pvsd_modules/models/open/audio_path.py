"""What the audio-only baseline has in place of the lip path."""

from torch import Tensor, nn

from pvsd_modules.models.open.lip_generator import OpenLipGenerator


class AudioPath(nn.Module):
    """Encodes audio for a denoiser, with as many parameters as the lip path.

    The lip path of a denoiser is a student that generates lips and an encoder of these.
    Here the student's network runs on the same audio, with the same look-ahead, but two
    linear layers follow instead of an image, and it is never trained on lips. Trained
    with the denoiser it shows whether lips, and not only a larger network, make the
    difference.

    Arguments
    ---------
    student : OpenLipGenerator
        Its sizes and first weights; it is not changed.
    channels : int
        Size of the code of 40 ms.
    parameters : int
        Number of parameters to reach, as nearly as possible.

    Example
    -------
    >>> import torch
    >>> path = AudioPath(OpenLipGenerator(16, 1, 4), 8, 60000)
    >>> path(torch.randn(1, 1500)).shape
    torch.Size([1, 3, 8])
    >>> abs(sum(p.numel() for p in path.parameters()) - 60000) < 20
    True
    """

    def __init__(self, student: OpenLipGenerator, channels: int, parameters: int):
        super().__init__()
        self.trunk = OpenLipGenerator(**student.sizes)
        self.trunk.decoder = nn.Identity()
        code = self.trunk.head.out_features
        rest = parameters - sum(p.numel() for p in self.trunk.parameters()) - channels
        width = max(1, round(rest / (code + channels + 1)))
        self.layers = nn.Sequential(
            nn.Linear(code, width), nn.SiLU(), nn.Linear(width, channels)
        )

    def forward(self, wav: Tensor) -> Tensor:
        """``[batch, time]`` to ``[batch, ceil(time / 640), channels]``."""
        return self.layers(self.trunk.weights(wav))
