"""What a recording must be like to be used: how it is measured, and least values."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import get_window
from tqdm import tqdm

from pvsd_modules.data.manifests.scan import LeftOut, Recording
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import probe_audio
from pvsd_modules.io.sound_reading import sound_blocks

_BLOCK = 65536
_FRAME = 2048
# Share of the power that may lie above the bandwidth (-50 dB).
_ABOVE = 1e-5


@dataclass(frozen=True)
class Limits:
    """Least values; what is below one of them is left out.

    Arguments
    ---------
    seconds : float
        Length.
    level_db : float
        Root mean square of the loudest channel, dB relative to full scale.
    bandwidth : float
        Frequency in Hz above which lies no more than a hundred-thousandth (-50 dB)
        of the power.
    """

    seconds: float = 0.5
    level_db: float = -60.0
    bandwidth: float = 0.0


@dataclass(frozen=True)
class Quality:
    """What `measure_file` found: seconds, dB and Hz as in `Limits`."""

    seconds: float
    level_db: float
    bandwidth: float


def measure_file(path: Path) -> Quality:
    """Decode a sound or video file once, block by block, to its end.

    The level is -inf for silence and nan where samples are not finite.
    """
    if path.exists() and not path.is_file():
        raise PvsdError(f"{path} is a device or a pipe, not a file.")
    info = probe_audio(path)
    window = get_window("hann", _FRAME).astype(np.float32)
    energy = np.zeros(info.channels)
    spectrum = np.zeros(_FRAME // 2 + 1)
    samples = 0
    for block in sound_blocks(info, _BLOCK):
        wave = block.numpy()
        samples += wave.shape[1]
        energy += np.square(wave, dtype=np.float64).sum(1)
        whole = wave.shape[1] // _FRAME * _FRAME
        frames = wave[:, :whole].reshape(-1, _FRAME) if whole else _padded(wave)
        spectrum += np.square(np.abs(np.fft.rfft(frames * window))).sum(0)
    power = energy.max() / max(samples, 1)
    level = -math.inf if power == 0 else math.nan
    if 0 < power < math.inf:
        level = 10 * math.log10(power)
    above = spectrum[::-1].cumsum()[::-1] > _ABOVE * spectrum.sum()
    bandwidth = int(above.sum()) * info.sample_rate / _FRAME
    return Quality(samples / info.sample_rate, level, bandwidth)


def _padded(wave: np.ndarray) -> np.ndarray:
    """One frame of what is shorter than a frame, ``[channels, frame]``."""
    return np.pad(wave, ((0, 0), (0, _FRAME - wave.shape[1])))


def measure(
    recordings: list[Recording],
    limits: Limits,
    left_out: LeftOut,
    workers: int = 1,
    log: Path | None = None,
) -> list[Recording]:
    """Decode every recording, in threads; those that can be used, in the same order.

    ``left_out`` takes the files that are missing, unreadable, empty or below a limit;
    `seconds` of the others are filled in. A log keeps what was measured, file by file,
    for the next call.
    """
    if not recordings:
        return []
    known = _read_log(log) if log else {}
    stamps = [_stamp(item.path) for item in recordings]

    def one(item, stamp):
        """What is known of a file, or is found in it."""
        return known.get(stamp) or _try(item.path)

    try:
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(workers))
            out = stack.enter_context(_appended(log)) if log else None
            found = pool.map(one, recordings, stamps)
            bar = tqdm(found, "Measuring", total=len(recordings), disable=None)
            for item, stamp, result in zip(recordings, stamps, bar, strict=True):
                if isinstance(result, str):
                    left_out.fault(item.key, result)
                    continue
                if out and stamp not in known:
                    out.write(json.dumps([stamp, *vars(result).values()]) + "\n")
                    out.flush()
                item.seconds = result.seconds
                if reason := shortcoming(result, limits):
                    left_out.add(item.key, reason)
    except OSError as error:
        raise PvsdError(f"{log} cannot be written: {error.strerror}.") from error
    return left_out.kept(recordings)


def _appended(log: Path):
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("a", encoding="utf-8")


def _try(path: Path) -> Quality | str:
    try:
        return measure_file(path)
    except PvsdError as error:
        return str(error)
    except (OSError, ValueError) as error:  # a name that is too long, a NUL in it
        return f"it cannot be opened: {error}"


def _stamp(path: Path) -> str:
    """What tells a file from another one and from itself after a change."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return f"{path}"
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _read_log(log: Path) -> dict[str, Quality]:
    known = {}
    if log.is_file():
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                stamp, *values = json.loads(line)
                known[stamp] = Quality(*values)
            except (ValueError, TypeError):
                continue  # an interrupted call left half of a line
    return known


def shortcoming(quality: Quality, limits: Limits) -> str:
    """Why a recording is not used, "" if it is.

    Example
    -------
    >>> shortcoming(Quality(0.1, -20.0, 8000.0), Limits())
    'shorter than 0.5 s: 0.1 s'
    """
    if math.isnan(quality.level_db):
        return "it has samples that are not finite numbers"
    if quality.level_db == -math.inf:
        return "it is silent"
    if quality.seconds < limits.seconds:
        return f"shorter than {limits.seconds:g} s: {quality.seconds:.3g} s"
    if quality.level_db < limits.level_db:
        levels = f"{limits.level_db:g} dB full scale: {quality.level_db:.1f} dB"
        return f"quieter than {levels}"
    if quality.bandwidth < limits.bandwidth:
        widths = f"{limits.bandwidth:g} Hz: {quality.bandwidth:.0f} Hz"
        return f"bandwidth of less than {widths}"
    return ""
