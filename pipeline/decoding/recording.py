"""What is known of a recording, as the decoding child tells it and the pipeline uses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.speech.transcript import Silence

RATE = 16_000
"""Hz; what speech models hear."""
BIT_RATE = 24_000
"""Two hours stay below the 25 MB that the provider takes in one call."""
SHORTEST_SILENCE_SECONDS = 0.25
"""Shorter gaps belong to articulation (Campione & Véronis 2002)."""
CONTENT_TYPE = "audio/ogg"
FILE_NAME = "speech.ogg"

_SUBTYPES = {
    "matroska": "webm",
    "mov": "mp4",
    "mp3": "mpeg",
    "wav": "wav",
    "w64": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "aac": "aac",
    "amr": "amr",
    "aiff": "aiff",
    "mpeg": "mpeg",
    "mpegts": "mp2t",
}
"""MIME subtypes by FFmpeg's names of containers."""


class Refusal(StrEnum):
    """Why the child takes a recording for none."""

    EMPTY = "empty"
    """No bytes, or no sound of any length."""
    NO_TRACK = "no track"
    """Pictures, moving or not, without sound."""
    UNREADABLE = "unreadable"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a recording is, found by decoding it."""

    container: str
    """FFmpeg's name; several, where its demuxer knows several."""
    codec: str
    duration: float
    """Seconds."""
    channels: int
    has_video: bool

    @property
    def content_type(self) -> str:
        """A MIME type for what the file is, by its container and whether it carries video."""
        kind = "video" if self.has_video else "audio"
        names = self.container.split(",")
        subtype = next((_SUBTYPES[name] for name in names if name in _SUBTYPES), None)
        return f"{kind}/{subtype}" if subtype else "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be told of a recording before anyone pays for it."""

    probe: Probe
    silence_share: float | None
    """0–1; None: too long to be decoded whole for this."""


@dataclass(frozen=True, slots=True)
class Lull:
    """The quietest moment of a few seconds: the second-best place to cut."""

    at: float
    """Seconds."""
    level: float
    """Decibels of full scale."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one pass over the samples found."""

    duration: float
    """Seconds of decoded audio."""
    silences: tuple[Silence, ...]
    lulls: tuple[Lull, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What became of a cut."""

    packets: tuple[int, ...]
    """In each part."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A recording as the transcriber gets it: mono 16 kHz Opus in Ogg, levelled."""

    path: Path
    duration: float
    """Seconds of decoded audio."""
    silences: tuple[Silence, ...]
    """Measured before the levelling."""
    lulls: tuple[Lull, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether silence was measured from beginning to end."""
        silent = sum(silence.seconds for silence in self.silences)
        return self.duration - silent < SHORTEST_SILENCE_SECONDS
