"""What a speech engine answers, in our terms, and the seam behind which it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.speech.transcript import Word


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A stretch of speech with the engine's own doubts; times count from the part's start."""

    text: str
    start: float
    end: float
    no_speech_prob: float
    """How likely it is that nobody spoke."""
    avg_logprob: float
    """How sure of its words the engine was; 0 is certain."""
    compression_ratio: float
    """Of the text; it is high where words go round in circles."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer for one part."""

    text: str
    language: str
    """A code, as detected; `und` where the engine does not say."""
    segments: tuple[HeardSegment, ...] | None
    """None: this engine gives no times."""
    words: tuple[Word, ...] = ()


class Transcriber(Protocol):
    """The seam: whatever turns speech into words."""

    @property
    def engine(self) -> str:
        """The model's name."""

    def transcribe(self, speech: Path, *, language: str, prompt: str | None) -> Heard:
        """What is said in a normalised file; times may be absent."""

    def ping(self) -> None:
        """Find out whether it would work, without work."""

    def close(self) -> None:
        """Give back the connections."""
