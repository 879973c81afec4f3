"""Sessions, results and reviews as they stand in the database, without any processing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.database.models import Insight, Learner, Run, SpeakingSession, StoredTranscript
from pipeline.database.staff_models import ResultSummary, StoredReview
from pipeline.status import Status
from tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BOB = "ann@example.com", "bob@example.com"
FIGURES: dict[str, Any] = {
    "words": 100,
    "words_per_minute": 120.0,
    "suspect_share": 0.0,
    "evidence_share": 1.0,
    "high": 0,
    "medium": 0,
    "low": 0,
    "model": "claude",
    "prompt_version": "v2",
    "cost_usd": None,
}


def add(world: World, title: str, *, status: Status = Status.CREATED, **columns: Any) -> UUID:
    """A session as it stands in the database."""
    held = {
        "id": new_id(),
        "title": title,
        "learner_id": "learner-1",
        "language": "en",
        "source": "app",
        "status": status,
        "status_changed_at": NOON,
        "created_at": NOON,
        **columns,
    }
    with transaction(world.services.engine) as db:
        db.merge(Learner(id=held["learner_id"], created_at=NOON))
        db.flush()
        db.add(SpeakingSession(**held))
    return UUID(str(held["id"]))


def add_result(
    world: World,
    title: str,
    *,
    insights: tuple[tuple[str, str], ...] = (),
    said: str = "one two three",
    session: dict[str, Any] | None = None,
    **figures: Any,
) -> UUID:
    """A completed session; `insights` as (pattern key, severity)."""
    run_id, transcript_id = new_id(), new_id()
    session_id = add(
        world,
        title,
        status=Status.COMPLETED,
        **{"run_id": run_id, "result_run_id": run_id, **(session or {})},
    )
    with transaction(world.services.engine) as db:
        db.add(
            Run(
                id=run_id,
                session_id=session_id,
                number=1,
                scope="full",
                trigger="upload",
                requested_by="upload",
                created_at=NOON,
                queued_at=NOON,
                outcome="completed",
                attempts=1,
                transcript_id=transcript_id,
            )
        )
        db.flush()
        db.add(
            StoredTranscript(
                id=transcript_id,
                session_id=session_id,
                run_id=run_id,
                text=said,
                word_count=len(said.split()),
                language="en",
                duration_seconds=10,
                engine="whisper-1",
                segments=[],
                silences=[],
                created_at=NOON,
            )
        )
        severities = Counter(severity for _, severity in insights)
        line = {**FIGURES, **severities, **figures}
        db.add(ResultSummary(session_id=session_id, run_id=run_id, **line))
        for position, (key, severity) in enumerate(insights):
            db.add(insight(session_id, run_id, position, key, severity))
    return session_id


def insight(session_id: UUID, run_id: UUID, position: int, key: str, severity: str) -> Insight:
    return Insight(
        session_id=session_id,
        run_id=run_id,
        position=position,
        category=key.partition(".")[0],
        pattern_key=key,
        pattern="A habit",
        detail="It recurs.",
        frequency=2,
        severity=severity,
        suggestion="Pause.",
        examples=[],
    )


def review(world: World, session_id: UUID, reviewer: str, state: str, **columns: Any) -> None:
    with transaction(world.services.engine) as db:
        held = db.get_one(SpeakingSession, session_id)
        db.add(
            StoredReview(
                run_id=held.result_run_id,
                session_id=session_id,
                reviewer=reviewer,
                round=1,
                state=state,
                started_at=NOON,
                **columns,
            )
        )


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)
