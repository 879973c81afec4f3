"""What a crash left behind: the sweeper's questions, each answered in one bounded statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from pipeline.database.models import (
    IdempotencyKey,
    Learner,
    Run,
    SpeakingSession,
    StoredTranscript,
)
from pipeline.database.sessions import IDEMPOTENCY_LIFE, change_status
from pipeline.database.staff_models import SweepRecord
from pipeline.errors import AudioNotDeleted, Unforeseen
from pipeline.status import Outcome, Status

UNPUBLISHED_AFTER = timedelta(seconds=15)
"""An upload publishes its own run within this time, or crashed."""
RESUME_AFTER = timedelta(minutes=5)
"""A lease that ran out so long ago: no delivery is due for it (the queue's second comes first)."""
OVERDUE_AFTER = timedelta(minutes=5)
"""A retry that is so late was lost by the queue."""
LOST_AFTER = timedelta(hours=1)
"""A run that the queue took and never brought."""
MOST_ATTEMPTS = 12
"""A run that was cut off so often is stopped by something of its own: three full messages."""
ABANDONED_AFTER = timedelta(days=1)
"""A session that was announced and never uploaded."""
SWEEPS_KEPT_FOR = timedelta(days=7)

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class Held:
    """A recording that is stored still."""

    session_id: UUID
    audio_key: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that no delivery will come for."""

    session_id: UUID
    run_id: UUID
    publications: int
    """How often it was handed to the queue."""
    was_queued: bool
    """The queue had taken it before."""
    message_id: str | None
    """What the queue took, of a run that it never brought: it may wait in a long line."""


def runs_to_publish(db: Session, *, now: datetime, limit: int) -> list[Waiting]:
    """Runs that no delivery will come for, oldest first."""
    # One that somebody opened again was never published since, however often it was tried.
    goes_on = and_(_stranded(now), Run.attempts < MOST_ATTEMPTS)
    return _waiting(db, or_(_undelivered(now), goes_on), now=now, limit=limit)


def exhausted_runs(db: Session, *, now: datetime, limit: int) -> list[Waiting]:
    """Runs that no delivery will come for and that were tried often enough, oldest first."""
    return _waiting(db, _stranded(now), Run.attempts >= MOST_ATTEMPTS, now=now, limit=limit)


def stuck(now: datetime) -> CompoundSelect[tuple[UUID]]:
    """Ids of the sessions that the sweeper should have gone on with, or removed, by now."""
    left = select(S.id).join(Run, is_newest())
    return union_all(
        left.where(Run.outcome.is_(None), _settled(now), or_(_undelivered(now), _stranded(now))),
        select(S.id).where(_abandoned(now)),
    )


def _undelivered(now: datetime) -> ColumnElement[bool]:
    """Never published, or taken by the queue and never brought."""
    never_published = and_(Run.queued_at.is_(None), Run.created_at <= now - UNPUBLISHED_AFTER)
    delivery_lost = and_(Run.queued_at <= now - LOST_AFTER, Run.attempts == 0)
    return or_(never_published, delivery_lost)


def _stranded(now: datetime) -> ColumnElement[bool]:
    """Begun, and left: by a worker that died, or by a queue that lost its retry."""
    abandoned_work = and_(S.status == Status.PROCESSING, S.lease_expires_at <= now - RESUME_AFTER)
    retry_lost = and_(S.status == Status.FAILED, S.retry_due_at <= now - OVERDUE_AFTER)
    return or_(abandoned_work, retry_lost)


def _waiting(
    db: Session, *conditions: ColumnElement[bool], now: datetime, limit: int
) -> list[Waiting]:
    rows = db.execute(
        select(
            S.id,
            Run.id.label("run_id"),
            Run.publications,
            Run.queued_at,
            case((and_(Run.attempts == 0, Run.queued_at.is_not(None)), Run.message_id)).label(
                "message_id"
            ),
        )
        .join(S, is_newest())
        .where(Run.outcome.is_(None), _settled(now), *conditions)
        .order_by(Run.created_at)
        .limit(limit)
    )
    return [
        Waiting(row.id, row.run_id, row.publications, row.queued_at is not None, row.message_id)
        for row in rows
    ]


def is_newest() -> ColumnElement[bool]:
    """The run is its session's newest; the session is found by its key, not by reading all."""
    return and_(S.id == Run.session_id, S.run_id == Run.id)


def _settled(now: datetime) -> ColumnElement[bool]:
    """Not on its way: neither handed over a moment ago, nor by somebody else just now."""
    return and_(
        or_(Run.queued_at.is_(None), Run.queued_at <= now - RESUME_AFTER),
        or_(Run.handed_over_at.is_(None), Run.handed_over_at <= now - UNPUBLISHED_AFTER),
    )


def abandoned_sessions(db: Session, *, now: datetime, limit: int) -> list[Held]:
    """Sessions that were announced a day ago and never uploaded."""
    rows = db.execute(select(S.id, S.audio_key).where(_abandoned(now)).order_by(S.id).limit(limit))
    return [Held(row.id, row.audio_key) for row in rows]


def _abandoned(now: datetime) -> ColumnElement[bool]:
    return and_(S.status == Status.CREATED, S.created_at <= now - ABANDONED_AFTER)


def is_kept() -> ColumnElement[bool]:
    """The recording, if one came, is not deleted yet."""
    return and_(S.audio_key.is_not(None), S.audio_deleted_at.is_(None))


def overdue_audio(db: Session, *, now: datetime, retention: timedelta, limit: int) -> list[Held]:
    """Recordings past their purpose, the longest first."""
    rows = db.execute(
        select(S.id, S.audio_key)
        .where(is_overdue(now=now, retention=retention))
        .order_by(S.status_changed_at)
        .limit(limit)
    )
    return [Held(row.id, row.audio_key) for row in rows]


def is_overdue(*, now: datetime, retention: timedelta) -> ColumnElement[bool]:
    """Whether a recording is past its purpose, of a session that nobody works on.

    Past it are those with a transcript, those that failed for good longer than `retention`
    ago, and those that failed for good where the learner agrees to no storage.
    """
    has_transcript = exists().where(StoredTranscript.session_id == S.id)
    return and_(
        is_kept(),
        or_(
            and_(S.status.in_([Status.FAILED, Status.COMPLETED]), has_transcript),
            and_(_is_given_up(), S.status_changed_at <= now - retention),
            refuses_audio(),
        ),
    )


def _is_given_up() -> ColumnElement[bool]:
    return and_(S.status == Status.FAILED, S.will_retry.is_(False))


def has_ended() -> ColumnElement[bool]:
    """The session's newest run is over: nobody will work on it again."""
    return exists().where(Run.id == S.run_id, Run.outcome.is_not(None))


def refuses_audio() -> ColumnElement[bool]:
    """The session failed for good, and its learner agrees to no storage beyond the processing."""
    refused = exists().where(Learner.id == S.learner_id, Learner.consent_audio_storage.is_(False))
    return and_(_is_given_up(), has_ended(), refused)


def count_stuck(db: Session, *, now: datetime) -> int:
    """How many sessions are stuck."""
    return db.scalar(select(func.count()).select_from(stuck(now).subquery())) or 0


def count_overdue_audio(db: Session, *, now: datetime, retention: timedelta) -> int:
    """How many recordings are past their purpose."""
    overdue = select(func.count()).select_from(S).where(is_overdue(now=now, retention=retention))
    return db.scalar(overdue) or 0


def reopen_after_deletion(db: Session, session_id: UUID) -> UUID | None:
    """Open the run of a session that gave up with nothing left to do but delete its audio.

    Returns the run for publishing; None where the session waits for something else.
    """
    waiting = (
        select(S.run_id)
        .where(
            S.id == session_id,
            S.status == Status.FAILED,
            S.error_code == AudioNotDeleted.code,
            S.will_retry.is_(False),
        )
        .scalar_subquery()
    )
    return db.scalar(
        update(Run)
        .where(Run.id == waiting)
        .values(outcome=None, finished_at=None, queued_at=None)
        .returning(Run.id)
    )


def known_audio(db: Session, session_ids: list[UUID]) -> set[UUID]:
    """Which of these sessions still stand behind a stored recording."""
    rows = db.scalars(select(S.id).where(S.id.in_(session_ids), S.audio_deleted_at.is_(None)))
    return set(rows)


def forget_old_keys(db: Session, *, now: datetime) -> None:
    """Delete idempotency keys that answer nobody any more."""
    db.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - IDEMPOTENCY_LIFE))


def record_sweep(
    db: Session, did: Mapping[str, int], *, started_at: datetime, now: datetime
) -> None:
    """Write down what a sweep did, and forget those of more than a week ago."""
    db.execute(insert(SweepRecord).values(started_at=started_at, finished_at=now, did=dict(did)))
    db.execute(delete(SweepRecord).where(SweepRecord.finished_at <= now - SWEEPS_KEPT_FOR))


def give_up(db: Session, session_id: UUID, *, run_id: UUID, actor: str, now: datetime) -> bool:
    """Record that the queue will not deliver this run again; False: nothing was to record.

    A session that failed keeps its error; one that no delivery ever reached gets one; one that
    shows an earlier run's results stays as it is. What a dead or interrupted worker left is
    the sweeper's, which goes on with it.
    """
    ended = {"outcome": Outcome.FAILED, "finished_at": now}
    failed = change_status(
        db,
        session_id,
        Status.FAILED,
        only_if=and_(S.run_id == run_id, S.status == Status.FAILED),
        actor=actor,
        now=now,
        values={"will_retry": False, "retry_due_at": None, "stage": S.stage},
        run_values=ended,
    )
    if failed is not None:
        return True
    unreached = _fail(
        db,
        session_id,
        "Processing could not be started. Run the session again.",
        only_if=and_(S.run_id == run_id, S.status == Status.UPLOADED),
        actor=actor,
        now=now,
    )
    return unreached or _end_unreached_rerun(db, run_id, now=now)


def cut_off(db: Session, waiting: Waiting, *, actor: str, now: datetime) -> bool:
    """Give a run up whose work was cut off too often; False: it goes on after all."""
    if give_up(db, waiting.session_id, run_id=waiting.run_id, actor=actor, now=now):
        return True
    return _fail(
        db,
        waiting.session_id,
        f"The work was cut off {MOST_ATTEMPTS} times. See the log, then run the session again.",
        only_if=and_(
            S.run_id == waiting.run_id, S.status == Status.PROCESSING, S.lease_expires_at <= now
        ),
        actor=actor,
        now=now,
    )


def _fail(
    db: Session,
    session_id: UUID,
    sentence: str,
    *,
    only_if: ColumnElement[bool],
    actor: str,
    now: datetime,
) -> bool:
    """End the newest run in an error of nobody's making; False: `only_if` does not hold."""
    failed = change_status(
        db,
        session_id,
        Status.FAILED,
        only_if=only_if,
        actor=actor,
        now=now,
        values={
            "stage": S.stage,
            "lease_expires_at": None,
            "error_code": Unforeseen.code,
            "error_message": sentence,
            "error_retryable": True,
            "will_retry": False,
        },
        run_values={
            "outcome": Outcome.FAILED,
            "finished_at": now,
            "error_code": Unforeseen.code,
        },
        error_code=Unforeseen.code,
    )
    return failed is not None


def _end_unreached_rerun(db: Session, run_id: UUID, *, now: datetime) -> bool:
    """End a re-run that no delivery reached, of a session that shows an earlier one's results."""
    ended = db.scalar(
        update(Run)
        .where(
            Run.id == run_id,
            Run.outcome.is_(None),
            exists().where(is_newest(), S.status == Status.COMPLETED),
        )
        .values(outcome=Outcome.FAILED, finished_at=now, error_code=Unforeseen.code)
        .returning(Run.id)
    )
    return ended is not None
