"""Learners as staff look for them and at them; SQL only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from pipeline.database import reading
from pipeline.database.progress import spoken
from pipeline.database.stored import from_json
from pipeline.session import Example
from pipeline.speech.quotes import LocatedQuote
from pipeline.standing import Evidence, LearnerFound, LearnerStanding, courses, focuses_set

# A learner's newest session is the last of the index on learner and session key.
_BEGINNING = text("""
SELECT found.id AS learner_id, newest.created_at
  FROM (SELECT id FROM learners WHERE id LIKE :beginning ESCAPE '!' ORDER BY id USING ~<~
         LIMIT :most) found
  LEFT JOIN LATERAL (
       SELECT created_at FROM sessions WHERE learner_id = found.id
        ORDER BY id DESC LIMIT 1) newest ON true
""")
_RECENT = text("""
SELECT learner_id, max(created_at) AS created_at
  FROM (SELECT learner_id, created_at FROM sessions ORDER BY id DESC LIMIT :looked_at) newest
 GROUP BY learner_id
 ORDER BY max(created_at) DESC, learner_id
 LIMIT :most
""")
_HELD = text("""
SELECT count(s.id) AS sessions,
       count(*) FILTER (WHERE s.audio_key IS NOT NULL AND s.audio_deleted_at IS NULL) AS recordings
  FROM learners l
  LEFT JOIN sessions s ON s.learner_id = l.id
 WHERE l.id = :learner
 GROUP BY l.id
""")
_EVIDENCE = text("""
SELECT s.id, s.title, s.created_at,
       jsonb_path_query_array(jsonb_agg(i.examples ORDER BY i.position), '$[*][*]') AS examples
  FROM sessions s
  JOIN insights i ON i.session_id = s.id AND i.run_id = s.result_run_id
 WHERE s.learner_id = :learner AND i.pattern_key = :pattern
 GROUP BY s.id
 ORDER BY s.created_at DESC, s.id DESC
 LIMIT :most
""")


def beginning_with(db: Session, beginning: str, *, most: int) -> list[LearnerFound]:
    """Up to `most` learners whose id begins so, in the order of their ids."""
    escaped = beginning.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    rows = db.execute(_BEGINNING, {"beginning": f"{escaped}%", "most": most})
    return [_found(row) for row in rows]


def recent(db: Session, *, looked_at: int, most: int) -> list[LearnerFound]:
    """The learners of the newest `looked_at` sessions, up to `most`, newest first."""
    rows = db.execute(_RECENT, {"looked_at": looked_at, "most": most})
    return [_found(row) for row in rows]


def _found(row: Row[Any]) -> LearnerFound:
    return LearnerFound(row.learner_id, row.created_at)


def standing(db: Session, learner_id: str, *, newest: int, sessions: int) -> LearnerStanding | None:
    """One learner whole, by seven statements; None: nothing is held on them.

    Rates, trends and focuses look at the `newest` completed sessions.
    """
    held = db.execute(_HELD, {"learner": learner_id}).one_or_none()
    if held is None:
        return None
    looked_at = spoken(db, learner_id, most=newest)
    profile = reading.profile_over(db, learner_id, looked_at)
    listed = reading.page(
        db, learner_id=learner_id, status=None, search=None, before=None, limit=sessions
    )
    return LearnerStanding(
        profile=profile,
        patterns=courses(profile, looked_at),
        newest=len(looked_at),
        focuses=focuses_set(looked_at),
        sessions_held=held.sessions,
        recordings_held=held.recordings,
        sessions=tuple(listed),
    )


def evidence(db: Session, learner_id: str, pattern_key: str, *, most: int) -> list[Evidence]:
    """The newest sessions whose shown result has this pattern, each with its quotes."""
    rows = db.execute(_EVIDENCE, {"learner": learner_id, "pattern": pattern_key, "most": most})
    return [Evidence(row.id, row.title, row.created_at, _quotes(row.examples)) for row in rows]


def _quotes(stored: list[object]) -> tuple[Example, ...]:
    return from_json(LocatedQuote, stored)
