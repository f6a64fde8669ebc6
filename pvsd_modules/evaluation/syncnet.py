"""SyncNet, which measures whether a mouth moves with a sound; never trained here."""

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from pvsd_modules.errors import PvsdError

PICTURES = 5  # of 25 a second, of one window: 0.2 s
COLUMNS = 20  # of 100 a second, of one window: 0.2 s
_BROKEN = (pickle.UnpicklingError, EOFError, OSError, RuntimeError, ValueError)


class SyncNet(nn.Module):
    """The two-stream network of Chung & Zisserman, "Out of time: automated lip sync
    in the wild", ACCV Workshop 2016, in the layout of its published second weights.

    One stream takes five pictures of a face, the other 20 columns of 13 mel cepstral
    coefficients; both end in 1024 numbers whose distance is small when the mouth
    moves with the sound. The names of the parts are those of the published weights,
    so that the file loads as it is.

    Example
    -------
    >>> net = SyncNet().eval()
    >>> with torch.no_grad():
    ...     net.embed_sound(torch.zeros(2, 1, 13, 20)).shape
    torch.Size([2, 1024])
    """

    def __init__(self):
        super().__init__()
        self.netcnnaud = nn.Sequential(  # [N, 1, 13, 20]
            *_stage(nn.Conv2d(1, 64, 3, padding=1)),
            nn.MaxPool2d(1),
            *_stage(nn.Conv2d(64, 192, 3, padding=1)),
            nn.MaxPool2d(3, (1, 2)),  # [N, 192, 11, 9]
            *_stage(nn.Conv2d(192, 384, 3, padding=1)),
            *_stage(nn.Conv2d(384, 256, 3, padding=1)),
            *_stage(nn.Conv2d(256, 256, 3, padding=1)),
            nn.MaxPool2d(3, 2),  # [N, 256, 5, 4]
            *_stage(nn.Conv2d(256, 512, (5, 4))),  # [N, 512, 1, 1]
        )
        self.netcnnlip = nn.Sequential(  # [N, 3, T, 224, 224]
            *_stage(nn.Conv3d(3, 96, (PICTURES, 7, 7), (1, 2, 2))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),  # [N, 96, T - 4, 54, 54]
            *_stage(nn.Conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),  # [N, 256, T - 4, 13, 13]
            *_stage(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_stage(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_stage(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),  # [N, 256, T - 4, 6, 6]
            *_stage(nn.Conv3d(256, 512, (1, 6, 6))),  # [N, 512, T - 4, 1, 1]
        )
        self.netfcaud = _head()
        self.netfclip = _head()

    def embed_sound(self, cepstra: Tensor) -> Tensor:
        """Embeddings of windows of sound: ``[N, 1, 13, 20]`` to ``[N, 1024]``."""
        return self.netfcaud(self.netcnnaud(cepstra).flatten(1))

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Embeddings of all windows of five pictures: ``[T, 3, 224, 224]`` to ``[T - 4,
        1024]``.

        The network strides over space only, so a long clip is one input: windows share
        what they have in common.
        """
        clip = pictures.transpose(0, 1)[None]  # [1, 3, T, 224, 224]
        seen = self.netcnnlip(clip)[0, :, :, 0, 0]  # [512, T - 4]
        return self.netfclip(seen.T)


def _stage(convolution: nn.Module) -> list[nn.Module]:
    """A convolution, its normalisation and a rectifier."""
    flat = isinstance(convolution, nn.Conv2d)
    norm = (nn.BatchNorm2d if flat else nn.BatchNorm3d)(convolution.out_channels)
    return [convolution, norm, nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)
    )


def load_syncnet(path: str | Path) -> SyncNet:
    """SyncNet with the published weights (``syncnet_v2.model``, a state dict), in
    evaluation mode; a `PvsdError` if the file is absent or does not fit."""
    if not Path(path).is_file():
        raise PvsdError(f"{path} does not exist: name a file of SyncNet's weights.")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        raise PvsdError(
            f"{path} is no file of weights, or is cut short: name SyncNet's "
            "syncnet_v2.model, a PyTorch state dict."
        ) from error
    network = SyncNet()
    try:
        network.load_state_dict(stored)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise PvsdError(
            f"{path} does not fit SyncNet: name the published syncnet_v2.model, whose "
            "parts are netcnnaud, netfcaud, netcnnlip and netfclip."
        ) from error
    return network.eval()
