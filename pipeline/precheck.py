"""What can be told of a recording before it is sent: facts, likely time and cost, earlier sending.

Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO

from pipeline import audio as recordings
from pipeline import intake
from pipeline.analyze import prompt
from pipeline.analyze.price import PER_MINUTE, Tokens, cost_usd
from pipeline.database import uploads
from pipeline.database.engine import transaction
from pipeline.database.uploads import Pace, SentBefore
from pipeline.services import Services
from pipeline.settings import Settings

__all__ = ["Looked", "Pace", "SentBefore", "likely_seconds", "likely_usd", "look"]

DECODED_SECONDS = 600.0
"""Longer recordings are not decoded whole for a look: ten minutes take about two seconds."""
NEWEST_RUNS = 50
WORDS_PER_MINUTE = 140
"""The middle of the band of pace."""
TOKENS_PER_WORD = 1.5
"""English, with each line's number (house value)."""
CHARACTERS_PER_TOKEN = 4
ANSWER_TOKENS = 1500
"""Five insights with three quotes each, as measured in pipeline/analyze/client.py."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A recording that would be taken."""

    digest: str
    size_bytes: int
    content_type: str
    codec: str
    channels: int
    duration: float
    """Seconds."""
    silence_share: float | None
    """0–1; None: too long to be measured beforehand."""


def look(services: Services, audio: BinaryIO) -> Looked:
    """Decode a recording as far as is cheap; leaves the file at its beginning.

    Raises:
        AudioTooLarge, EmptyAudio, UnsupportedAudio, AudioTooLong: as `intake.upload`.
    """
    size_bytes = intake.measured_size(services, audio)
    found = recordings.survey(
        audio,
        max_seconds=services.settings.max_audio_minutes * 60,
        decoded_seconds=DECODED_SECONDS,
    )
    return Looked(
        digest=recordings.digest_of(audio),
        size_bytes=size_bytes,
        content_type=found.probe.content_type,
        codec=found.probe.codec,
        channels=found.probe.channels,
        duration=found.probe.duration,
        silence_share=found.silence_share,
    )


def sent_before(services: Services, digests: Iterable[str]) -> dict[str, SentBefore]:
    """The newest session of each of these recordings, by digest.

    Recordings that went straight to storage have no digest: they are not known again.
    """
    with transaction(services.engine) as db:
        return uploads.sent_before(db, digests)


def pace(services: Services) -> Pace | None:
    """How fast the newest recordings were processed; None where none was."""
    with transaction(services.engine) as db:
        return uploads.pace(db, most=NEWEST_RUNS)


def likely_seconds(looked: Looked, newest: Pace) -> float:
    """From the first worker's start to `COMPLETED`, as the newest recordings went."""
    return max(newest.least_seconds, looked.duration * newest.seconds_per_second)


def likely_usd(settings: Settings, looked: Looked) -> Decimal | None:
    """Transcription and analysis at list prices; None where a price is not known.

    The analysis is reckoned for a talk at a usual pace, without a repair round or a cache.
    """
    per_minute = PER_MINUTE.get(settings.whisper_model)
    minutes = looked.duration / 60
    asked = len(prompt.load(settings.prompt_version).system) / CHARACTERS_PER_TOKEN
    said = minutes * WORDS_PER_MINUTE * TOKENS_PER_WORD
    analysis = cost_usd(
        settings.claude_model, Tokens(read=round(asked + said), written=ANSWER_TOKENS)
    )
    if per_minute is None or analysis is None:
        return None
    return Decimal(str(round(minutes, 3))) * per_minute + analysis
