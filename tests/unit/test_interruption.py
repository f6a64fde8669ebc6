"""A signal ends a command once, and not what it has to clean up."""

import os
import signal
import time
from contextlib import suppress

import pytest

from pvsd_modules.commands.interruption import (
    Interruption,
    Terminated,
    settle_interruption,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def test_what_was_swallowed_is_raised_again():
    with pytest.raises(Terminated), Interruption() as interruption:
        with suppress(Terminated):
            signal.raise_signal(signal.SIGTERM)
        time.sleep(30)
    assert interruption.received == [signal.SIGTERM]


def test_an_error_made_of_it_does_not_hide_it():
    with pytest.raises(Terminated), Interruption():
        with suppress(ValueError):
            try:
                signal.raise_signal(signal.SIGTERM)
            except Terminated:
                raise ValueError("as a library says it") from None
        time.sleep(30)


def test_cleaning_up_is_not_interrupted():
    with pytest.raises(Terminated), Interruption() as interruption:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(1.2)  # of the timer
            signal.raise_signal(signal.SIGINT)  # of someone who does not want to wait
            cleaned = True
    assert cleaned and interruption.received == [signal.SIGTERM, signal.SIGINT]


def test_a_command_may_end_by_it():
    with Interruption():
        with suppress(Terminated):
            signal.raise_signal(signal.SIGINT)
        settle_interruption()
        time.sleep(1.2)


def test_everything_is_as_before():
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(name) for name in names]
    timer = signal.getitimer(signal.ITIMER_REAL)[1]
    with suppress(Terminated), Interruption():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(name) for name in names] == before
    assert signal.getitimer(signal.ITIMER_REAL)[1] == timer
