"""Pseudo-visual speech denoising for SpeechBrain."""

from importlib import metadata

__version__ = "0.2.0"


def _check_torch_pair() -> None:
    """Refuse torch and torchaudio of different releases before SpeechBrain loads them.

    Raises
    ------
    ImportError
        When they differ; loading them would end in an undefined symbol.
    """
    try:
        torch, torchaudio = (metadata.version(name) for name in ("torch", "torchaudio"))
    except metadata.PackageNotFoundError:
        return
    release = torch.split(".")[:2]
    if torchaudio.split(".")[:2] != release:
        wanted = ".".join(release)
        raise ImportError(
            f"torchaudio {torchaudio} does not work with torch {torch}: run "
            f"pip install 'torchaudio=={wanted}.*', or install both of one release."
        )


_check_torch_pair()
