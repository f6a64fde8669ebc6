"""What all tests share."""

import sys

import pytest
from speechbrain.utils.importutils import LazyModule

from pvsd_modules.checkpoints import trust

TINY = {
    f"tiny_networks.{name}"
    for name in ("TinyStudent", "TinyDenoiser", "IdentityDenoiser", "FragileDenoiser")
}


@pytest.fixture(scope="session", autouse=True)
def tiny_networks_may_be_built():
    """Stand-ins of the tests count as networks of the project, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trust, "ALLOWED", trust.ALLOWED | TINY)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems():
    """Keeps hypothesis, which looks at all modules, from importing SpeechBrain's.

    Some of those that are loaded on use need packages that are not installed.
    """
    for module in list(sys.modules.values()):
        if isinstance(module, LazyModule):
            vars(module).setdefault("__file__", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With ``-n``, one process runs all tests of a file: they share its fixtures."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)
