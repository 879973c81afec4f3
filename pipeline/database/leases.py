"""The lease: who may work on a session, for how long, and the token that guards each write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.database.models import Run, SpeakingSession
from pipeline.database.sessions import change_status
from pipeline.errors import LeaseHeld, NotFound, RostrumError
from pipeline.status import Outcome, Scope, Stage, Status

QUEUE = "queue"
"""The actor of everything that a delivery does."""

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one run of one session."""

    session_id: UUID
    run_id: UUID
    token: int
    """Fencing token: a later claim has a greater one, and ours then writes nothing."""
    attempt: int
    scope: Scope
    learner_id: str
    language: str
    audio_key: str | None
    """None once the recording is gone."""
    transcript_id: UUID | None
    """A transcript from an earlier attempt or run, whose words are still there."""


def claim(
    db: Session,
    session_id: UUID,
    *,
    run_id: UUID | None,
    lease_seconds: float,
    now: datetime,
) -> Lease | None:
    """Take the lease in one guarded update, and enter the first stage that is left to do.

    Winning means: nobody else's writes land from now on. None means: the session is gone, not
    uploaded, finished, given up with nothing left to work from, on another run, or in the hands
    of a live worker.
    """
    expires = now + timedelta(seconds=lease_seconds)
    is_transcribed = and_(
        exists().where(Run.id == S.run_id, Run.transcript_id.is_not(None)),
        S.transcript_removed_at.is_(None),
    )
    is_hopeless = and_(
        exists().where(Run.id == S.run_id, Run.outcome == Outcome.FAILED),
        S.audio_deleted_at.is_not(None),
        ~is_transcribed,
    )
    taken = change_status(
        db,
        session_id,
        Status.PROCESSING,
        only_if=and_(
            S.run_id == run_id if run_id else S.run_id.is_not(None),
            S.result_run_id.is_distinct_from(S.run_id),
            or_(S.status != Status.PROCESSING, S.lease_expires_at <= now),
            ~is_hopeless,
        ),
        actor=QUEUE,
        now=now,
        values={
            "stage": case((is_transcribed, Stage.ANALYZING), else_=Stage.DOWNLOADING),
            "lease_token": S.lease_token + 1,
            "lease_expires_at": expires,
            **_NO_ERROR,
        },
        run_values={
            "attempts": Run.attempts + 1,
            "started_at": func.coalesce(Run.started_at, now),
            **_OPEN_RUN,
        },
    )
    if taken is None:
        return None
    held = db.get_one(Run, taken.run_id)
    return Lease(
        session_id=session_id,
        run_id=held.id,
        token=taken.lease_token,
        attempt=held.attempts,
        scope=Scope(held.scope),
        learner_id=taken.learner_id,
        language=taken.language,
        audio_key=None if taken.audio_deleted_at else taken.audio_key,
        transcript_id=None if taken.transcript_removed_at else held.transcript_id,
    )


_NO_ERROR: dict[str, Any] = {
    "error_code": None,
    "error_message": None,
    "error_retryable": None,
    "will_retry": None,
    "retry_due_at": None,
}
_OPEN_RUN: dict[str, Any] = {"outcome": None, "error_code": None, "finished_at": None}


def ours(lease: Lease) -> ColumnElement[bool]:
    """The condition under which a worker may write."""
    return and_(S.lease_token == lease.token, S.status == Status.PROCESSING)


def guard(db: Session, lease: Lease, **values: Any) -> None:
    """Hold the session's row for a write of the lease's owner, and set `values` in it.

    Raises:
        LeaseHeld: somebody else took over.
        NotFound: the session was deleted meanwhile.
    """
    mine = and_(S.id == lease.session_id, ours(lease))
    held = db.scalar(
        update(S).where(mine).values(values).returning(S.id)
        if values
        else select(S.id).where(mine).with_for_update()
    )
    if held is None:
        raise loss(db, lease)


def loss(db: Session, lease: Lease) -> RostrumError:
    """What it means that a write of ours did not land."""
    gone = db.scalar(select(S.id).where(S.id == lease.session_id)) is None
    return NotFound() if gone else LeaseHeld()


def renew(db: Session, lease: Lease, *, lease_seconds: float, now: datetime) -> RostrumError | None:
    """Push the end of the lease out; None, or what it means that it is not ours any more."""
    renewed = db.scalar(
        update(S)
        .where(S.id == lease.session_id, ours(lease))
        .values(lease_expires_at=now + timedelta(seconds=lease_seconds))
        .returning(S.id)
    )
    return loss(db, lease) if renewed is None else None


def _change(
    db: Session,
    lease: Lease,
    to: Status,
    *,
    now: datetime,
    only_if: ColumnElement[bool] | None = None,
    values: dict[str, Any],
    run_values: dict[str, Any] | None = None,
    error: RostrumError | None = None,
) -> None:
    """A change of status by the lease's owner.

    Raises:
        LeaseHeld, NotFound: as `guard`.
    """
    changed = change_status(
        db,
        lease.session_id,
        to,
        only_if=ours(lease) if only_if is None else and_(ours(lease), only_if),
        actor=QUEUE,
        now=now,
        values=values,
        run_values=run_values,
        error_code=error.code if error else None,
    )
    if changed is None:
        raise loss(db, lease)


def enter(db: Session, lease: Lease, stage: Stage, *, now: datetime) -> None:
    """Say what the worker does now.

    Raises:
        LeaseHeld, NotFound: as `guard`.
    """
    _change(db, lease, Status.PROCESSING, now=now, values={"stage": stage})


def hand_back(db: Session, lease: Lease, error: RostrumError, *, now: datetime) -> None:
    """Give the lease back with the work half done: the next delivery goes on at once.

    Raises:
        LeaseHeld, NotFound: as `guard`.
    """
    handed = {"stage": S.stage, "lease_expires_at": now}
    _change(db, lease, Status.PROCESSING, now=now, values=handed, error=error)


def fail(
    db: Session, lease: Lease, error: RostrumError, *, retry_due_at: datetime | None, now: datetime
) -> None:
    """End the attempt in an error and give the lease back.

    `retry_due_at` is when the queue brings the message again at the latest; None: not any more.

    Raises:
        LeaseHeld, NotFound: as `guard`.
    """
    ended: dict[str, Any] = {"error_code": error.code}
    if retry_due_at is None:
        ended |= {"outcome": Outcome.FAILED, "finished_at": now}
    _change(
        db,
        lease,
        Status.FAILED,
        now=now,
        values={
            "stage": S.stage,
            "lease_expires_at": None,
            "error_code": error.code,
            "error_message": error.message,
            "error_retryable": error.retryable,
            "will_retry": retry_due_at is not None,
            "retry_due_at": retry_due_at,
        },
        run_values=ended,
        error=error,
    )


def complete(db: Session, lease: Lease, *, now: datetime) -> None:
    """Make the run's results the session's, in the transaction that stored them.

    Raises:
        LeaseHeld, NotFound: as `guard`.
    """
    _change(
        db,
        lease,
        Status.COMPLETED,
        now=now,
        only_if=or_(S.audio_key.is_(None), S.audio_deleted_at.is_not(None)),
        values={
            "result_run_id": lease.run_id,
            "lease_expires_at": None,
            "completed_at": now,
            **_NO_ERROR,
        },
        run_values={"outcome": Outcome.COMPLETED, "finished_at": now, "error_code": None},
    )
