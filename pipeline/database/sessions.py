"""Sessions and runs as rows: begin them, change their status, hand them to the queue, end them.

`change_status` is the only place that assigns a status; each change appends its event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from pipeline.database.base import new_id
from pipeline.database.models import (
    IdempotencyKey,
    Learner,
    Run,
    SpeakingSession,
    StoredPart,
    StoredTranscript,
)
from pipeline.status import Scope, Status, Trigger, sources_of

IDEMPOTENCY_LIFE = timedelta(days=1)

S = SpeakingSession

Changed: TypeAlias = Row[UUID | None, int, str, str, str | None, datetime | None, datetime | None]
"""Its `run_id`, `lease_token`, `learner_id`, `language`, `audio_key`, `audio_deleted_at` and
`transcript_removed_at`."""


def add_session(
    db: Session,
    *,
    session_id: UUID,
    learner_id: str,
    title: str | None,
    language: str,
    source: str,
    audio: dict[str, Any],
    actor: str,
    now: datetime,
) -> None:
    """Insert a session in `CREATED`, and its learner where that one is new.

    `audio` holds the audio columns that are known already.
    """
    known = upsert(Learner).values(id=learner_id, created_at=now)
    # An update that changes nothing, for its lock: a learner who is being erased is erased first.
    db.execute(known.on_conflict_do_update(index_elements=["id"], set_={"id": learner_id}))
    db.execute(
        insert(S).values(
            id=session_id,
            learner_id=learner_id,
            title=title,
            language=language,
            source=source,
            status_changed_at=now,
            created_at=now,
            **audio,
        )
    )
    _append_event(db, session_id, actor=actor, error_code=None, now=now)


def change_status(
    db: Session,
    session_id: UUID,
    to: Status,
    *,
    only_if: ColumnElement[bool],
    actor: str,
    now: datetime,
    values: dict[str, Any] | None = None,
    run_values: dict[str, Any] | None = None,
    error_code: str | None = None,
) -> Changed | None:
    """Move a session to `to` where the table of transitions and `only_if` allow it.

    Sets `values` on the session and `run_values` on its newest run, and appends the event.
    Returns what a worker must know of the session after the change, or None: it did not land.
    """
    changed = db.execute(
        update(S)
        .where(S.id == session_id, S.status.in_(sources_of(to)), only_if)
        .values({"stage": None, **(values or {}), "status": to, "status_changed_at": now})
        .returning(
            S.run_id,
            S.lease_token,
            S.learner_id,
            S.language,
            S.audio_key,
            S.audio_deleted_at,
            S.transcript_removed_at,
        )
    ).one_or_none()
    if changed is None:
        return None
    if run_values:
        db.execute(update(Run).where(Run.id == changed.run_id).values(run_values))
    _append_event(db, session_id, actor=actor, error_code=error_code, now=now)
    return changed


def _append_event(
    db: Session, session_id: UUID, *, actor: str, error_code: str | None, now: datetime
) -> None:
    """Write down where the session stands now; where it stood is the event before."""
    db.execute(
        _APPEND_EVENT,
        {"session": session_id, "now": now, "actor": actor, "error_code": error_code},
    )


# As text: it is executed a dozen times a session, and SQLAlchemy takes longer to build it than
# Postgres to run it.
_APPEND_EVENT = text("""
INSERT INTO session_events (session_id, at, from_status, to_status, stage, run_number, attempt,
       actor, error_code)
SELECT s.id, CAST(:now AS timestamptz),
       (SELECT e.to_status FROM session_events e
         WHERE e.session_id = s.id ORDER BY e.id DESC LIMIT 1),
       s.status, s.stage, r.number, r.attempts, :actor, :error_code
  FROM sessions s
  LEFT JOIN runs r ON r.id = s.run_id
 WHERE s.id = :session
""")


def add_run(
    db: Session,
    session_id: UUID,
    *,
    scope: Scope,
    trigger: Trigger,
    requested_by: str,
    transcript_id: UUID | None,
    now: datetime,
) -> UUID:
    """Insert the next run of a session and make it the newest."""
    run_id = new_id()
    number = select(func.coalesce(func.max(Run.number), 0) + 1).where(Run.session_id == session_id)
    db.execute(
        insert(Run).values(
            id=run_id,
            session_id=session_id,
            number=number.scalar_subquery(),
            scope=scope,
            trigger=trigger,
            requested_by=requested_by,
            transcript_id=transcript_id,
            created_at=now,
        )
    )
    db.execute(update(S).where(S.id == session_id).values(run_id=run_id))
    return run_id


def lock(db: Session, session_id: UUID) -> SpeakingSession | None:
    """The session's row, held until the transaction ends."""
    return db.scalar(select(S).where(S.id == session_id).with_for_update())


def find(db: Session, session_id: UUID) -> SpeakingSession | None:
    """The session's row."""
    return db.get(S, session_id)


def find_run(db: Session, run_id: UUID) -> Run | None:
    """A run's row."""
    return db.get(Run, run_id)


def show_run(db: Session, session_id: UUID, run_id: UUID) -> None:
    """Make a completed run's results those that are shown."""
    db.execute(update(S).where(S.id == session_id).values(result_run_id=run_id))


def end_run(db: Session, run_id: UUID, *, outcome: str, now: datetime) -> None:
    """Close a run that no delivery will close."""
    db.execute(
        update(Run)
        .where(Run.id == run_id, Run.outcome.is_(None))
        .values(outcome=outcome, finished_at=now)
    )


def newest_transcript_id(db: Session, session_id: UUID) -> UUID | None:
    """The transcript that an analysis would read."""
    return db.scalar(
        select(StoredTranscript.id)
        .where(StoredTranscript.session_id == session_id)
        .order_by(StoredTranscript.id.desc())
        .limit(1)
    )


def next_publication(
    db: Session, run_id: UUID, *, now: datetime, after: int | None = None
) -> tuple[UUID, int] | None:
    """Count one more handing-over of a run; its session and the count.

    None: the run is gone, or somebody else has handed it over since it was counted `after`.
    """
    row = db.execute(
        update(Run)
        .where(Run.id == run_id, true() if after is None else Run.publications == after)
        .values(publications=Run.publications + 1, handed_over_at=now)
        .returning(Run.session_id, Run.publications)
    ).one_or_none()
    return (row.session_id, row.publications) if row else None


def mark_queued(db: Session, run_id: UUID, *, message_id: str | None, now: datetime) -> None:
    """The queue has taken the run, as this message."""
    taken = {"queued_at": now, "message_id": message_id}
    db.execute(update(Run).where(Run.id == run_id).values(taken))


def stamp_audio_deleted(db: Session, session_id: UUID, *, now: datetime) -> None:
    """The recording is gone from storage; parts of a transcript will never be a whole."""
    db.execute(
        update(S)
        .where(S.id == session_id, S.audio_deleted_at.is_(None))
        .values(audio_deleted_at=now)
    )
    drop_parts(db, session_id)


def drop_parts(db: Session, session_id: UUID) -> None:
    """Delete what was heard of a session part by part, in all its runs."""
    runs = select(Run.id).where(Run.session_id == session_id)
    db.execute(delete(StoredPart).where(StoredPart.run_id.in_(runs)))


def remove(db: Session, session_id: UUID) -> str | None:
    """Delete a session with all that hangs on it; its learner's id, None where it was gone."""
    return db.scalar(delete(S).where(S.id == session_id).returning(S.learner_id))


def learner_exists(db: Session, learner_id: str) -> bool:
    """Whether we hold anything on this learner."""
    return bool(db.scalar(select(exists().where(Learner.id == learner_id))))


def first_session_of_key(db: Session, *, learner_id: str, key: str, now: datetime) -> UUID | None:
    """The session that this Idempotency-Key made within the last day.

    Simultaneous uploads with one key take turns until their transaction ends.
    """
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{learner_id}\n{key}", 0))))
    return db.scalar(
        select(IdempotencyKey.session_id).where(
            IdempotencyKey.learner_id == learner_id,
            IdempotencyKey.key == key,
            IdempotencyKey.created_at > now - IDEMPOTENCY_LIFE,
        )
    )


def bind_key(db: Session, *, learner_id: str, key: str, session_id: UUID, now: datetime) -> None:
    """Let a key answer with this session from now on."""
    fresh = {"session_id": session_id, "created_at": now}
    db.execute(
        upsert(IdempotencyKey)
        .values(learner_id=learner_id, key=key, **fresh)
        .on_conflict_do_update(index_elements=["learner_id", "key"], set_=fresh)
    )
