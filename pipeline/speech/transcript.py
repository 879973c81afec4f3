"""The transcript: words and segments with their places in time, and the measured silence.

Times are seconds from the start of the recording. A model may answer without times: then
`start` and `end` are None and everything built on them says less instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word as the engine wrote it, punctuation included where it wrote any."""

    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech that the engine kept together, roughly a sentence."""

    index: int
    """Its number, from 0; the analysis names segments by it."""
    text: str
    start: float | None = None
    end: float | None = None
    suspect: bool = False
    """The engine was unsure here: nothing may rest on this segment alone."""
    words: tuple[Word, ...] = ()
    estimated: bool = False
    """The engine gave no times: these are reckoned from the measured speech."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch without speech, measured from the audio itself."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


UNHEARD_SECONDS = 5.0
"""Sound without words that is longer counts as not heard (house value). Whisper at times leaves out
the rest of a window of 30 s; laughter, music and hesitation are shorter or rare."""


def unheard_in(segments: Iterable[Segment], silences: Iterable[Silence]) -> tuple[Silence, ...]:
    """Stretches between two words that hold so much sound and no word; none without word times."""
    words = [word for segment in segments for word in segment.words]
    measured = tuple(silences)
    gaps = [
        Silence(before.end, after.start)
        for before, after in pairwise(words)
        if before.end is not None and after.start is not None
    ]
    # Nearly all are short: only long ones are worth a look at every silence of the talk.
    long = [gap for gap in gaps if gap.seconds > UNHEARD_SECONDS]
    return tuple(
        gap
        for gap in long
        if gap.seconds - silent_seconds(measured, gap.start, gap.end) > UNHEARD_SECONDS
    )


def silent_seconds(silences: Iterable[Silence], start: float, end: float) -> float:
    """How much of a stretch is silent."""
    return sum(max(0.0, min(s.end, end) - max(s.start, start)) for s in silences)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one recording."""

    segments: tuple[Segment, ...]
    language: str
    """ISO 639-1 code, as asked for or as detected."""
    duration: float
    """Length of the recording in seconds."""
    engine: str
    """The model that wrote it."""
    silences: tuple[Silence, ...] = field(default=())
    prompt_version: str | None = None
    """What the engine was told beforehand; None where nobody wrote it down."""

    @property
    def text(self) -> str:
        """The segments joined by single spaces: offsets of quotes count in this string."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def has_times(self) -> bool:
        """Whether every word carries its time."""
        words = [word for segment in self.segments for word in segment.words]
        return bool(words) and all(w.start is not None and w.end is not None for w in words)


@dataclass(frozen=True, slots=True)
class TranscriptPart:
    """What was said in one stretch of a recording that was heard by itself."""

    number: int
    """From 0."""
    start: float
    end: float
    """Seconds in the recording."""
    segments: tuple[Segment, ...]
    """Their times are those of the whole recording; their numbers count within the part."""
    language: str
    engine: str
    prompt_version: str

    @property
    def text(self) -> str:
        """The segments joined by single spaces."""
        return " ".join(segment.text for segment in self.segments)
