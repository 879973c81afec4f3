"""Learners as people look for them and at them: profiles, standing, evidence; SQL only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from pipeline.database import consents, reading
from pipeline.database.models import PatternProfile
from pipeline.database.progress import spoken
from pipeline.database.stored import from_json
from pipeline.focus import Spoken
from pipeline.progress import follow_ups, trends
from pipeline.session import Example, PatternStanding, Profile
from pipeline.speech.quotes import LocatedQuote
from pipeline.standing import Evidence, LearnerFound, LearnerStanding, courses, focuses_set

TREND_SESSIONS = 20
"""How far back a learner's progress is shown."""

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
SELECT count(s.id) AS sessions, l.consent_audio_storage, l.consent_transcript_storage,
       l.consent_pattern_tracking, l.consents_changed_at,
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
  JOIN learners l ON l.id = s.learner_id AND l.consent_pattern_tracking
                 AND l.consent_transcript_storage
 WHERE s.learner_id = :learner AND i.pattern_key = :pattern AND s.transcript_removed_at IS NULL
 GROUP BY s.id
 ORDER BY s.created_at DESC, s.id DESC
 LIMIT :most
""")


_TOTALS = text("""
SELECT count(*) AS sessions, coalesce(sum(t.word_count), 0) AS words,
       coalesce(sum(t.duration_seconds), 0) / 60 AS minutes
  FROM sessions s
  JOIN runs r ON r.id = s.result_run_id
  JOIN transcripts t ON t.id = r.transcript_id
 WHERE s.learner_id = :learner
""")


def profile(db: Session, learner_id: str) -> Profile | None:
    """A learner's patterns, most widespread first; None: nothing is held on them."""
    held = consents.of(db, learner_id)
    if held is None:
        return None
    recent = spoken(db, learner_id, most=TREND_SESSIONS)
    return _profile(db, learner_id, recent, tracking=held.consents.pattern_tracking)


def _profile(db: Session, learner_id: str, recent: Sequence[Spoken], *, tracking: bool) -> Profile:
    """The same over sessions that are read already: none where nobody may track the learner."""
    totals = db.execute(_TOTALS, {"learner": learner_id}).one()
    return Profile(
        user_id=learner_id,
        sessions_total=totals.sessions,
        words_total=totals.words,
        minutes_total=totals.minutes,
        patterns=_patterns(db, learner_id) if tracking else (),
        focuses=follow_ups(recent),
        trends=trends(recent),
        tracking=tracking,
    )


def _patterns(db: Session, learner_id: str) -> tuple[PatternStanding, ...]:
    rows = db.scalars(
        select(PatternProfile)
        .where(PatternProfile.learner_id == learner_id)
        .order_by(
            PatternProfile.sessions_seen.desc(),
            PatternProfile.occurrences.desc(),
            PatternProfile.pattern_key,
        )
    )
    return tuple(
        PatternStanding(
            pattern_key=row.pattern_key,
            pattern=row.pattern,
            category=row.category,
            sessions_seen=row.sessions_seen,
            sessions_total=row.sessions_total,
            occurrences=row.occurrences,
            rate_per_1000_words=row.rate_per_1000_words,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            last_severity=row.last_severity,
            trend=row.trend,
        )
        for row in rows
    )


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


def standing(db: Session, learner_id: str, *, sessions: int) -> LearnerStanding | None:
    """One learner whole, by seven statements; None: nothing is held on them.

    Rates, trends and focuses look at the newest `TREND_SESSIONS` completed ones.
    """
    held = db.execute(_HELD, {"learner": learner_id}).one_or_none()
    if held is None:
        return None
    agreed = consents.held_in(held)
    looked_at = spoken(db, learner_id, most=TREND_SESSIONS)
    profile = _profile(db, learner_id, looked_at, tracking=agreed.consents.pattern_tracking)
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
        held=agreed,
        sessions=tuple(listed),
    )


def evidence(db: Session, learner_id: str, pattern_key: str, *, most: int) -> list[Evidence]:
    """The newest sessions whose shown result has this pattern, each with its quotes."""
    rows = db.execute(_EVIDENCE, {"learner": learner_id, "pattern": pattern_key, "most": most})
    return [Evidence(row.id, row.title, row.created_at, _quotes(row.examples)) for row in rows]


def _quotes(stored: list[object]) -> tuple[Example, ...]:
    return from_json(LocatedQuote, stored)
