"""The process that `pvsd_modules.metrics.pesq_process` runs PESQ in.

It reads pickled ``(rate, clean, enhanced, band)`` and writes a score, or None where
PESQ is not defined; it ends when its input ends, hence with its parent.
"""

import pickle
import signal
import sys

import pesq


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    while True:
        try:
            given = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            score = float(pesq.pesq(*given))
        except (pesq.NoUtterancesError, pesq.BufferTooShortError, ValueError):
            score = None
        pickle.dump(score, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
