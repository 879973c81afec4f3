"""What sessions tell of a recording that is about to be sent; SQL only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from pipeline.database.models import SpeakingSession
from pipeline.status import Outcome, Scope

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class SentBefore:
    """The newest session of the very same recording."""

    session_id: UUID
    user_id: str
    title: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the newest recordings were processed."""

    seconds_per_second: float
    """Median: seconds of processing for one of audio."""
    least_seconds: float
    """However short the recording."""
    runs: int
    """So many it rests on."""


# Whole runs only: an analysis alone says nothing of transcription.
_PACE = text("""
SELECT count(*) AS runs, min(seconds) AS least,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds / duration) AS ratio
  FROM (SELECT extract(epoch FROM r.finished_at - r.started_at)::float8 AS seconds,
               s.duration_seconds AS duration
          FROM runs r
          JOIN sessions s ON s.id = r.session_id
         WHERE r.outcome = :completed AND r.scope = :full AND r.started_at IS NOT NULL
           AND r.finished_at IS NOT NULL AND s.duration_seconds > 0
         ORDER BY r.id DESC
         LIMIT :most) newest
""")


def sent_before(db: Session, digests: Iterable[str]) -> dict[str, SentBefore]:
    """By digest; what was never sent is absent."""
    rows = db.execute(
        select(S.audio_digest, S.id, S.learner_id, S.title, S.created_at)
        .where(S.audio_digest.in_(list(digests)))
        .ext(distinct_on(S.audio_digest))
        .order_by(S.audio_digest, S.id.desc())
    )
    return {
        row.audio_digest: SentBefore(row.id, row.learner_id, row.title, row.created_at)
        for row in rows
    }


def pace(db: Session, *, most: int) -> Pace | None:
    """Over the newest `most` whole runs; None where there is none."""
    kind = {"completed": Outcome.COMPLETED, "full": Scope.FULL}
    row = db.execute(_PACE, {**kind, "most": most}).one()
    return Pace(row.ratio, row.least, row.runs) if row.runs else None
