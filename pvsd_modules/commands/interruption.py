"""Signals that end a command, even where a library swallows what they raise."""

import signal
import sys

_PATIENCE = 0.5  # seconds until an exception that did not arrive is raised again
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Terminated(KeyboardInterrupt):
    """A signal that asks the process to end: what Ctrl-C cleans up, it does as well."""


class Interruption:
    """While it is entered, SIGINT, SIGTERM and SIGHUP raise `Terminated`.

    A handler runs wherever the interpreter happens to be: within a finaliser, or where
    compiled code looks for an attribute and takes any exception as its absence. There
    what it raises is lost. So on POSIX systems a timer raises it again until it has
    arrived. What it makes the program clean up is never interrupted, neither by the
    timer nor by further signals.

    Attributes
    ----------
    received : list of int
        Signals so far.
    """

    def __init__(self):
        self.received: list[int] = []
        self._is_over = False
        self._before: dict = {}

    def __enter__(self) -> "Interruption":
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        try:
            for number in numbers:
                if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
                    self._before[number] = signal.signal(number, self._receive)
        except ValueError:
            pass  # not in the main thread: Python sets handlers there only
        _entered.append(self)
        return self

    def __exit__(self, *_) -> None:
        self.settle()
        _entered.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def settle(self) -> None:
        """From now on signals have no effect."""
        self._is_over = True
        if self.received and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _receive(self, number: int, frame: object) -> None:
        self.received.append(number)
        if len(self.received) == 1 and hasattr(signal, "setitimer"):
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE, _PATIENCE)
        self._raise(number, frame)

    def _raise(self, number: int, frame: object) -> None:
        if not self._is_over and not _is_on_its_way():
            raise Terminated(self.received[0])


_entered: list[Interruption] = []


def settle_interruption() -> None:
    """For commands whose usual end is an interruption, which they have caught."""
    for interruption in _entered:
        interruption.settle()


def _is_on_its_way() -> bool:
    """Whether an exception is handled now that a signal raised or led to."""
    errors = [sys.exc_info()[1]]
    seen = set()
    while errors:
        error = errors.pop()
        if error is None or id(error) in seen:
            continue
        if isinstance(error, Terminated):
            return True
        seen.add(id(error))
        errors += [error.__context__, error.__cause__]
    return False
