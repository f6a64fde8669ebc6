"""What one look at a file finds: its tracks, pictures and tags."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pvsd_modules.errors import PvsdError


@dataclass(frozen=True)
class AudioTrack:
    """One sound track of a file.

    Arguments
    ---------
    stream : int
        Index among the streams of the container.
    sample_rate : int
        Samples a second.
    channels : int
    samples : int
        Samples in each channel by the file's own word: an estimate.
    layout : str
        FFmpeg's name of the channel layout ("5.1(side)"), "" where none is stored.
    codec : str
        FFmpeg's name ("pcm_s24le", "aac").
    bits : int
        Bits of a sample as decoded; 0 for lossy codecs.
    bit_rate : int
        Bits a second, 0 where unknown.
    start : float
        Time stamp of the first sample in seconds.
    language, title : str
        "" where none is stored.
    """

    stream: int
    sample_rate: int
    channels: int
    samples: int
    layout: str = ""
    codec: str = ""
    bits: int = 0
    bit_rate: int = 0
    start: float = 0.0
    language: str = ""
    title: str = ""


@dataclass(frozen=True)
class VideoTrack:
    """The pictures of a file.

    Arguments
    ---------
    stream : int
        Index among the streams of the container.
    fps : float
        Average frame rate, 0 where unknown.
    width, height : int
        Size of a decoded picture in pixels, before any rotation.
    rotation : int
        Degrees counter-clockwise, a multiple of 90, that the picture has to be turned
        by to stand upright (phones write 90 or 270).
    start : float
        Time stamp of the first picture in seconds.
    """

    stream: int
    fps: float = 0.0
    width: int = 0
    height: int = 0
    rotation: int = 0
    start: float = 0.0


@dataclass(frozen=True)
class MediaInfo:
    """What one file holds.

    Arguments
    ---------
    path : Path
    format : str
        FFmpeg's name of the container ("wav", "mov,mp4,m4a,3gp,3g2,mj2").
    tracks : tuple of AudioTrack
        All sound that can be decoded.
    selected : int
        Index among ``tracks`` of the one that `audio` is.
    video : VideoTrack or None
        The pictures; cover art does not count.
    seconds : float
        Length by the container's own word, 0 where it says nothing.
    tags : dict of str
        Title, artist and whatever else the file tells of itself.
    chapters : int
    others : tuple of str
        Kinds of the further streams: "cover", "subtitle", "attachment", "data", and
        "video" and "audio" for what cannot be decoded.
    notes : list of str
        Sentences about the file; readers append what they meet.
    """

    path: Path
    format: str = ""
    tracks: tuple[AudioTrack, ...] = ()
    selected: int = 0
    video: VideoTrack | None = None
    seconds: float = 0.0
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    chapters: int = 0
    others: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list, hash=False, compare=False)

    @property
    def has_audio(self) -> bool:
        """Whether there is sound that can be decoded."""
        return bool(self.tracks)

    @property
    def has_video(self) -> bool:
        """Whether there are moving pictures that can be decoded."""
        return self.video is not None

    @property
    def audio(self) -> AudioTrack:
        """The selected sound track; without sound, a sentence that says so."""
        if not self.tracks:
            kind = "a video without an audio track" if self.video else "no audio file"
            raise PvsdError(
                f"{self.path} holds no sound, it is {kind}: give one with sound."
            )
        return self.tracks[self.selected]

    def select(self, track: int) -> "MediaInfo":
        """The same file with another sound track selected, counted from 1."""
        if not 1 <= track <= len(self.tracks):
            raise PvsdError(
                f"{self.path} has no audio track {track}: it has {len(self.tracks)}."
            )
        return replace(self, selected=track - 1)

    @property
    def sample_rate(self) -> int:
        """Samples a second of the selected track, 0 without sound."""
        return self.audio.sample_rate if self.tracks else 0

    @property
    def channels(self) -> int:
        """Channels of the selected track, 0 without sound."""
        return self.audio.channels if self.tracks else 0

    @property
    def samples(self) -> int:
        """Samples in each channel of the selected track, by the file's own word."""
        return self.audio.samples if self.tracks else 0

    @property
    def duration(self) -> float:
        """Length in seconds of the sound, of the whole file without sound."""
        return self.samples / self.sample_rate if self.samples else self.seconds

    @property
    def start(self) -> float:
        """Time stamp in seconds of whatever begins first: time 0 of the file."""
        starts = [track.start for track in self.tracks]
        starts += [self.video.start] if self.video else []
        return min(starts, default=0.0)
