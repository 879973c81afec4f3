"""Erasing a learner: how much of what there was, then nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from pipeline.database.models import Learner, SpeakingSession

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """A recording that may lie in storage."""

    session_id: UUID
    key: str
    is_uploaded: bool
    """False: it was announced, and nobody has said that it came."""


_COUNTS = text("""
WITH theirs AS MATERIALIZED (SELECT id FROM sessions WHERE learner_id = :learner)
SELECT (SELECT count(*) FROM theirs) AS sessions,
       (SELECT count(*) FROM transcripts t JOIN theirs ON theirs.id = t.session_id
         WHERE t.text <> '') AS transcripts,
       (SELECT count(*) FROM analyses a JOIN runs r ON r.id = a.run_id
          JOIN theirs ON theirs.id = r.session_id) AS analyses,
       (SELECT count(*) FROM insights i JOIN theirs ON theirs.id = i.session_id) AS insights,
       (SELECT count(*) FROM metrics m JOIN runs r ON r.id = m.run_id
          JOIN theirs ON theirs.id = r.session_id) AS metrics,
       (SELECT count(*) FROM pattern_profiles WHERE learner_id = :learner) AS patterns,
       (SELECT count(*) FROM verdicts v JOIN theirs ON theirs.id = v.session_id) AS verdicts,
       (SELECT count(*) FROM reviews r JOIN theirs ON theirs.id = r.session_id) AS reviews,
       (SELECT count(*) FROM golden_cases g JOIN theirs ON theirs.id = g.session_id)
           AS golden_cases
""")


def stored_audio(db: Session, learner_id: str) -> list[StoredAudio]:
    """Each recording of a learner that may still be stored."""
    rows = db.execute(
        select(S.id, S.audio_key, S.uploaded_at.is_not(None).label("is_uploaded")).where(
            S.learner_id == learner_id, S.audio_key.is_not(None), S.audio_deleted_at.is_(None)
        )
    )
    return [StoredAudio(row.id, row.audio_key, row.is_uploaded) for row in rows]


def erase(db: Session, learner_id: str) -> dict[str, int] | None:
    """Delete a learner with all that hangs on them; how much it was, None: somebody else did.

    Sessions first, and in one order: a worker that completes one locks the session, then the
    learner.
    """
    theirs = select(S.id).where(S.learner_id == learner_id).order_by(S.id)
    db.execute(theirs.with_for_update()).all()
    counted = db.execute(_COUNTS, {"learner": learner_id}).one()
    db.execute(delete(S).where(S.learner_id == learner_id))
    gone = db.scalar(delete(Learner).where(Learner.id == learner_id).returning(Learner.id))
    return dict(counted._mapping) if gone is not None else None  # noqa: SLF001 - SQLAlchemy's own name for a row as a mapping
