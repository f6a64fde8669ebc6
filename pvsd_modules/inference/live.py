"""What a caller of a live stream holds."""

from dataclasses import dataclass

from pvsd_modules.inference.full_band import FullBandStream


@dataclass
class StreamingContext:
    """State of one live stream; made by `make_streaming_context`.

    Arguments
    ---------
    stream : FullBandStream
    """

    stream: FullBandStream

    @property
    def sample_rate(self) -> int:
        """Samples a second of the chunks."""
        return self.stream.rate

    @property
    def latency_samples(self) -> int:
        """Samples by which the output may lie behind the input, at the chunks' rate."""
        return self.stream.latency_samples

    @property
    def invalid_samples(self) -> int:
        """Samples so far that were NaN or infinite and were replaced by silence."""
        return self.stream.invalid
