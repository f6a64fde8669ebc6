"""Pseudo-visual speech denoising for SpeechBrain."""

from importlib import metadata

__version__ = "0.2.0"


def _check_torch_pair() -> None:
    """Refuse a torch and a torchaudio that do not load together, before SpeechBrain
    loads them.

    Raises
    ------
    ImportError
        When they are of different releases, or torchaudio is 2.11.1 or later, which
        needs a newer torch than this package works with. Loading them would end in an
        undefined symbol.
    """
    try:
        torch, torchaudio = (metadata.version(name) for name in ("torch", "torchaudio"))
    except metadata.PackageNotFoundError:
        return
    release, second = (".".join(name.split(".")[:2]) for name in (torch, torchaudio))
    # torchaudio 2.11.1 asks for torch 2.11 or later in its metadata, but its library
    # needs a symbol that torch has had since 2.13 only.
    if release == second and (release != "2.11" or torchaudio.startswith("2.11.0")):
        return
    newest = tuple(int(part) for part in release.split(".")) >= (2, 11)
    wanted = "2.11.0" if newest else f"{release}.*"
    raise ImportError(
        f"torchaudio {torchaudio} does not work with torch {torch}: run "
        f"pip install 'torch=={wanted}' 'torchaudio=={wanted}', or install another "
        f"pair of one release from 2.6.0 to 2.11.0."
    )


_check_torch_pair()
