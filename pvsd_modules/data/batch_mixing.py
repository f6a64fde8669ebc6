"""Mixes a whole batch at once, on the device that trains.

The data loader then only reads and draws (see `drawn`), which takes a fraction of the
time of mixing. The items are those of `TrainingMixer`, up to rounding.
"""

from collections import defaultdict

import torch
from speechbrain.dataio.batch import PaddedBatch, PaddedData
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.drawn import Drawn, Pause
from pvsd_modules.data.effects import between_points, fast_length, padded_lengths
from pvsd_modules.data.mixing import BURST_GAINS, mix_at_snr


class MixtureBatch(PaddedBatch):
    """A batch that is mixed on the device to which it is moved.

    It takes the place of `PaddedBatch` as ``collate_fn`` of the training loader (see
    `MixingDataset.mix_on_device`). Moved, it has ``noisy_sig`` and ``clean_sig`` like
    any other batch.
    """

    def __init__(self, examples, *args, **kwargs):
        self.drawn = [example["drawn"] for example in examples]
        self.samples = examples[0]["samples"]
        empty = {"noisy_sig": torch.zeros(1), "clean_sig": torch.zeros(1)}
        apart = ("drawn", "samples")
        kept = [
            {key: value for key, value in example.items() if key not in apart} | empty
            for example in examples
        ]
        super().__init__(kept, *args, **kwargs)

    def to(self, *args, **kwargs):
        """Moves the batch, and mixes it there."""
        batch = super().to(*args, **kwargs)
        device = batch.noisy_sig.data.device
        noisy, clean = mix_batch(self.drawn, self.samples, device)
        lengths = torch.ones(len(noisy), device=device)
        batch.noisy_sig = PaddedData(noisy, lengths)
        batch.clean_sig = PaddedData(clean, lengths)
        return batch


@torch.no_grad()
def mix_batch(
    drawn: list[Drawn], samples: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """As `TrainingMixer.mix`, of many items: noisy and clean, ``[batch, samples]``."""
    signals = _coloured(drawn, samples, device)  # [batch, 5, samples]
    return mix_coloured(signals, drawn)


def mix_coloured(signals: Tensor, drawn: list[Drawn]) -> tuple[Tensor, Tensor]:
    """All of `mix_batch` after filters, rooms and speed.

    Arguments
    ---------
    signals : Tensor
        ``[batch, 5, samples]``: speech, three noises, and the speech of the target
        where it differs; zeros where there is none.
    drawn : list of Drawn

    Returns
    -------
    Tensor, Tensor
        Noisy and clean, ``[batch, samples]``.
    """
    device, samples = signals.device, signals.shape[2]

    def each(values):
        """One number of each item, ``[batch]``."""
        return torch.tensor(list(values), device=device, dtype=torch.float32)

    effects = [item.effects for item in drawn]
    clean, noise, second, third, target = signals.unbind(1)
    if not any(item.noises for item in drawn):
        return clean, clean
    if any(len(item.noises) > 1 for item in drawn):
        noise = mix_at_snr(noise, second, each(item.noise_ratio for item in drawn))
    if any(len(item.noises) > 2 for item in drawn):
        noise = mix_at_snr(noise, third, each(effect.third_ratio for effect in effects))
    mixed = mix_at_snr(clean, noise, each(item.snr for item in drawn))
    covers, rows = _stacked([effect.cover for effect in effects], device)
    if rows:
        spoken, covering = covers * clean[rows], covers * noise[rows]
        ratios = each(effects[row].cover_snr for row in rows)
        mixed[rows] += mix_at_snr(spoken, covering, ratios) - spoken
    no_noise = each(item.content == "clean" for item in drawn)[:, None] > 0
    no_speech = each(item.content == "noise" for item in drawn)[:, None] > 0
    given = each(item.content == "given" for item in drawn)[:, None] > 0
    noisy = torch.where(no_noise, clean, torch.where(no_speech | given, noise, mixed))
    clean = torch.where(no_speech, 0.0, clean)
    late = None
    if any(effect.target is not None for effect in effects):
        differs = each(effect.target is not None for effect in effects)[:, None]
        late = differs * torch.where(no_speech, 0.0, clean - target)

    place = torch.arange(samples, device=device)
    if any(item.burst.length for item in drawn):
        begin = each(item.burst.start for item in drawn)[:, None]
        length = each(item.burst.length for item in drawn)[:, None]
        gains = each(BURST_GAINS[item.burst.kind] for item in drawn)
        burst = gains[:, :1] * clean + gains[:, 1:] * (noisy - clean)
        noisy = torch.where((place >= begin) & (place < begin + length), burst, noisy)

    def gate(pauses: list[Pause]) -> Tensor:
        time = place / SAMPLE_RATE
        start, end, rest = (
            each(getattr(pause, name) for pause in pauses)[:, None]
            for name in ("begin", "end", "rest")
        )
        inside = torch.minimum(time - start, end - time) / 0.005
        return 1 - (1 - rest) * inside.clamp(0, 1)

    interruptions = [item.interruption for item in drawn]
    if any(pause.rest != 1 for pause in interruptions):
        noisy = clean + gate(interruptions) * (noisy - clean)
    silences = [item.silence for item in drawn]
    if any(pause.rest != 1 for pause in silences):
        silence = gate(silences)
        noisy, clean = noisy * silence, clean * silence
    if late is not None:
        # What interrupts the recording interrupts the target.
        clean = clean - late * (clean.abs() > 0)
    level = noisy.square().mean(1, keepdim=True).sqrt()
    level = torch.where(level < 1e-5, 0.0, level)
    added, rows = _stacked([effect.added for effect in effects], device)
    if rows:
        noisy[rows] += level[rows] * added
    clicks, rows = _stacked([effect.clicks for effect in effects], device)
    if rows:
        peak = noisy[rows].abs().amax(1, keepdim=True) * (level[rows] > 0)
        noisy[rows] += peak * clicks
    noisy, clean = _finished(noisy, clean, drawn, each)
    if any(effect.offset for effect in effects):
        noisy = noisy + each(effect.offset for effect in effects)[:, None]
    lost, rows = _stacked([effect.lost for effect in effects], device)
    if rows:
        noisy[rows] *= lost
    if any(effect.sixteen_bits for effect in effects):
        rounds = each(effect.sixteen_bits for effect in effects)[:, None] > 0
        rounded = (noisy.clamp(-1, 1) * 32767).round() / 32767
        noisy = torch.where(rounds, rounded, noisy)
    return noisy, clean


def _stacked(signals: list[Tensor | None], device) -> tuple[Tensor | None, list[int]]:
    """Those signals of a batch that are there, ``[rows, samples]``, and their rows."""
    rows = [row for row, signal in enumerate(signals) if signal is not None]
    if not rows:
        return None, rows
    return torch.stack([signals[row] for row in rows]).to(device), rows


def _coloured(drawn: list[Drawn], samples: int, device) -> Tensor:
    """The signals that `mix_coloured` wants.

    Signals of one length and speed share their transforms.
    """
    result = torch.zeros(len(drawn), 5, samples, device=device)
    groups = defaultdict(list)
    for row, item in enumerate(drawn):
        for column, wav, colour in item.signals():
            if colour is None and len(wav) == samples:
                result[row, column] = wav.to(device)
            else:
                tail = 0 if colour is None else colour.tail
                groups[len(wav), tail].append((row, column, wav, colour))
    for (length, tail), members in groups.items():
        rows, columns, wavs, colours = zip(*members, strict=True)
        read, size = (
            (length, samples) if not tail else padded_lengths(length, samples, tail)
        )
        spectrum = torch.fft.rfft(torch.stack(wavs).to(device), read)
        bins = min(read, size) // 2 + 1
        spectrum = spectrum[:, :bins] * (size / read)
        if tail:
            spectrum = spectrum * _responses(colours, size, device)[:, :bins]
        played = torch.fft.irfft(spectrum, size)[:, :samples]
        result[list(rows), list(columns)] = played
    return result


def _responses(colours, size: int, device) -> Tensor:
    """Gains of the bins of a transform, ``[colours, bins]``."""
    below, part = (torch.from_numpy(x).to(device) for x in between_points(size))
    decibels = torch.stack([torch.from_numpy(colour.decibels) for colour in colours])
    points = decibels.to(device, torch.float32) * (2.302585093 / 20)
    response = torch.exp(points[:, below] + points.diff()[:, below] * part)
    if colours[0].room is None:
        return response
    rooms = torch.zeros(len(colours), size)
    for row, colour in zip(rooms, colours, strict=True):
        row[: len(colour.room)] = colour.room
    return response * torch.fft.rfft(rooms.to(device))


def _finished(noisy: Tensor, clean: Tensor, drawn: list[Drawn], each):
    """As `apply_finish`."""
    finishes = [item.finish for item in drawn]
    narrow = [row for row, finish in enumerate(finishes) if finish.cutoff]
    if narrow:
        size = fast_length(noisy.shape[1] + 800)
        hertz = torch.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, device=noisy.device)
        cutoffs = each(finishes[row].cutoff for row in narrow)[:, None]
        edge = ((hertz - cutoffs) / 300).clamp(0, 1)
        response = (0.5 + 0.5 * torch.cos(torch.pi * edge))[:, None]
        both = torch.stack([noisy[narrow], clean[narrow]], 1)
        both = torch.fft.irfft(torch.fft.rfft(both, size) * response, size)
        noisy[narrow], clean[narrow] = both[..., : noisy.shape[1]].unbind(1)
    has_level = each(finish.level_db is not None for finish in finishes)[:, None] > 0
    level = each(10 ** ((finish.level_db or 0.0) / 20) for finish in finishes)[:, None]
    power = noisy.square().mean(1, keepdim=True)
    peak = noisy.abs().amax(1, keepdim=True)
    gain = torch.minimum(level / power.clamp(min=1e-20).sqrt(), 0.99 / peak)
    gain = torch.where(has_level & (power > 1e-12), gain, torch.ones_like(gain))
    noisy, clean = noisy * gain, clean * gain
    limit = peak * gain * each(finish.clip for finish in finishes)[:, None]
    return torch.minimum(torch.maximum(noisy, -limit), limit), clean
