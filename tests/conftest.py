"""What all tests share."""

import pytest

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
