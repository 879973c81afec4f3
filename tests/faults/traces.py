"""What a session left behind, as rows to compare: all that counts, without ids and times."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from pipeline.database import profiles
from pipeline.database.engine import transaction
from tests.world import World

# Whether a prompt was in the vendor's cache depends on who asked before.
_RESULTS = """
SELECT to_jsonb(t) - ARRAY['id', 'run_id', 'session_id', 'created_at', 'cache_read_tokens',
                           'cache_write_tokens'] FROM {} t
 WHERE run_id IN (SELECT id FROM runs WHERE session_id = :session) ORDER BY 1
"""
_RUNS = """
SELECT number, scope, trigger, outcome, error_code, transcript_id IS NOT NULL,
       finished_at IS NOT NULL
  FROM runs WHERE session_id = :session ORDER BY number
"""
_SESSION = """
SELECT status, stage, duration_seconds, error_code, error_message, error_retryable, will_retry,
       lease_expires_at, result_run_id = run_id, audio_deleted_at IS NOT NULL,
       completed_at IS NOT NULL
  FROM sessions WHERE id = :session
"""
_PROFILE = """
SELECT to_jsonb(p) - ARRAY['learner_id', 'first_seen_at', 'last_seen_at']
  FROM pattern_profiles p JOIN sessions s USING (learner_id) WHERE s.id = :session ORDER BY 1
"""
_EVERYTHING = "SELECT to_jsonb(t) FROM {} t ORDER BY 1"
TABLES = (
    "sessions",
    "runs",
    "session_events",
    "transcripts",
    "analyses",
    "insights",
    "metrics",
    "pattern_profiles",
)


def trace(world: World, session_id: UUID) -> dict[str, list[Any]]:
    """A session's results, its runs, how it stands, and its learner's profile."""
    asked = {
        **{name: _RESULTS.format(name) for name in TABLES[3:7]},
        "runs": _RUNS,
        "sessions": _SESSION,
        "pattern_profiles": _PROFILE,
    }
    with transaction(world.services.engine) as db:
        return {
            name: [tuple(row) for row in db.execute(text(query), {"session": session_id})]
            for name, query in asked.items()
        }


def everything(world: World) -> dict[str, list[Any]]:
    """Every row of every table, ids and times included."""
    with transaction(world.services.engine) as db:
        return {name: list(db.scalars(text(_EVERYTHING.format(name)))) for name in TABLES}


def assert_profiles_are_exact(world: World) -> None:
    """Deriving every profile anew changes nothing."""
    before = _profiles(world)
    with transaction(world.services.engine) as db:
        for learner_id in list(db.scalars(text("SELECT id FROM learners"))):
            profiles.refresh(db, learner_id)
    assert _profiles(world) == before


def _profiles(world: World) -> list[Any]:
    return everything(world)["pattern_profiles"]
