"""Pretrained folders of tiny networks, and a way to run the command line."""

import pytest
import tiny_networks

from pvsd_modules import cli


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """Networks that change the sound, by the lips too."""
    return tiny_networks.make_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def identity_folder(tmp_path_factory):
    """Networks that change nothing: all that differs is the program's doing."""
    folder = tmp_path_factory.mktemp("models") / "identity"
    return tiny_networks.make_folder(folder, "IdentityDenoiser")


@pytest.fixture
def pvsd(capsys, identity_folder):
    """Run ``pvsd`` in this process: ``code, printed, complaints = pvsd(...)``."""

    def run(command, *arguments, model=identity_folder):
        words = [command] if model is None else [command, "--model", str(model)]
        words += [str(word) for word in arguments]
        capsys.readouterr()
        code = cli.main(words)
        return code, *capsys.readouterr()

    return run
