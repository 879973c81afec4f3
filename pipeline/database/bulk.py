"""Jobs over many sessions as rows: begun, worked off under a lease, stopped, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.bulk_action import BulkAction, BulkProgress, BulkState
from pipeline.database.models import SpeakingSession
from pipeline.database.staff_models import BulkItem, BulkJob
from pipeline.errors import LeaseHeld
from pipeline.staff import Role, Staff

LEASE = timedelta(minutes=2)
"""Renewed with each item; one takes at most the timeouts of storage and queue, 50 s."""
ABANDONED_AFTER = timedelta(seconds=15)
"""Whoever starts a job works on it within this time, or crashed."""
KEPT_FOR = timedelta(days=30)
"""Afterwards the audit alone tells of a job."""

J = BulkJob
I = BulkItem  # noqa: E741 - as J for jobs, S for sessions


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to work on a job."""

    job_id: UUID
    token: int
    """Fencing token: a later claim has a greater one, and ours then settles nothing."""
    action: BulkAction
    argument: str | None
    reason: str
    staff: Staff
    """Who asked, with the role of that moment."""


@dataclass(frozen=True, slots=True)
class Item:
    """One session of a job."""

    position: int
    session_id: UUID


def add(
    db: Session,
    job_id: UUID,
    staff: Staff,
    action: BulkAction,
    *,
    session_ids: Sequence[UUID],
    argument: str | None,
    reason: str,
    now: datetime,
) -> bool:
    """Insert a job and its items. False: there is one of this id already, and nothing was done."""
    made = db.scalar(
        insert(J)
        .values(
            id=job_id,
            action=action,
            argument=argument,
            reason=reason,
            requested_by=staff.name,
            role=int(staff.role),
            total=len(session_ids),
            state=BulkState.RUNNING,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(J.id)
    )
    if made is None:
        return False
    db.execute(_ADD_ITEMS, {"job": job_id, "sessions": list(session_ids)})
    return True


_ADD_ITEMS = text("""
INSERT INTO bulk_items (job_id, position, session_id)
SELECT :job, position, session_id
  FROM unnest(CAST(:sessions AS uuid[])) WITH ORDINALITY AS listed (session_id, position)
""")


def claim(db: Session, job_id: UUID, *, now: datetime) -> Hold | None:
    """Take the lease of a job; None: it is over, gone, or in the hands of somebody alive."""
    row = db.execute(
        update(J)
        .where(
            J.id == job_id,
            J.state == BulkState.RUNNING,
            or_(J.lease_expires_at.is_(None), J.lease_expires_at <= now),
        )
        .values(lease_token=J.lease_token + 1, lease_expires_at=now + LEASE)
        .returning(*J.__table__.columns)
    ).one_or_none()
    if row is None:
        return None
    return Hold(
        job_id=row.id,
        token=row.lease_token,
        action=BulkAction(row.action),
        argument=row.argument,
        reason=row.reason,
        staff=Staff(row.requested_by, Role(row.role)),
    )


def waiting(db: Session, hold: Hold, *, limit: int) -> list[Item]:
    """The next items of a job that are not settled, in their order."""
    rows = db.execute(
        select(I.position, I.session_id)
        .where(I.job_id == hold.job_id, I.done_at.is_(None))
        .order_by(I.position)
        .limit(limit)
    )
    return [Item(row.position, row.session_id) for row in rows]


def settle(db: Session, hold: Hold, item: Item, *, code: str | None, now: datetime) -> None:
    """Write down that an item is done, or why not, in the transaction of what was done.

    Raises:
        LeaseHeld: the job was stopped or goes on elsewhere; nothing of this transaction may land.
    """
    _renew(db, hold, lease_expires_at=now + LEASE)
    db.execute(
        update(I)
        .where(I.job_id == hold.job_id, I.position == item.position)
        .values(done_at=now, code=code)
    )


def finish(db: Session, hold: Hold, *, now: datetime) -> None:
    """Every item is settled.

    Raises:
        LeaseHeld: as `settle`.
    """
    _renew(db, hold, state=BulkState.DONE, lease_expires_at=None, finished_at=now)


def hand_back(db: Session, hold: Hold, *, now: datetime) -> None:
    """Let the next sweep go on.

    Raises:
        LeaseHeld: as `settle`.
    """
    _renew(db, hold, lease_expires_at=now)


def _renew(db: Session, hold: Hold, **values: Any) -> None:
    held = db.scalar(
        update(J)
        .where(J.id == hold.job_id, J.state == BulkState.RUNNING, J.lease_token == hold.token)
        .values(**values)
        .returning(J.id)
    )
    if held is None:
        raise LeaseHeld("The job was stopped, or somebody else works on it.")


def asked_by(db: Session, job_id: UUID) -> str | None:
    """Who asked for a job; None: there is none."""
    return db.scalar(select(J.requested_by).where(J.id == job_id))


def stop(db: Session, job_id: UUID, *, now: datetime) -> bool:
    """End a job before its time; False: it was over. Once committed, nothing more is settled."""
    stopped = db.scalar(
        update(J)
        .where(J.id == job_id, J.state == BulkState.RUNNING)
        .values(state=BulkState.STOPPED, lease_expires_at=None, finished_at=now)
        .returning(J.id)
    )
    return stopped is not None


def abandoned(db: Session, *, now: datetime, limit: int) -> list[UUID]:
    """Jobs that nobody works on though they are not over, oldest first."""
    rows = db.scalars(
        select(J.id)
        .where(
            J.state == BulkState.RUNNING,
            J.created_at <= now - ABANDONED_AFTER,
            or_(J.lease_expires_at.is_(None), J.lease_expires_at <= now),
        )
        .order_by(J.id)
        .limit(limit)
    )
    return list(rows)


def forget_old(db: Session, *, now: datetime) -> None:
    """Delete jobs that were over a month ago."""
    db.execute(delete(J).where(J.finished_at <= now - KEPT_FOR))


def assign(db: Session, session_id: UUID, *, to: str) -> bool:
    """Say who shall review a session; False: it is gone."""
    assigned = db.scalar(
        update(SpeakingSession)
        .where(SpeakingSession.id == session_id)
        .values(assigned_to=to)
        .returning(SpeakingSession.id)
    )
    return assigned is not None


def recent(db: Session, *, limit: int, now: datetime) -> list[BulkProgress]:
    """The newest jobs, newest first."""
    return _progress(db, db.execute(_JOBS.order_by(J.id.desc()).limit(limit)).all(), now)


def progress(db: Session, job_id: UUID, *, now: datetime) -> BulkProgress | None:
    """One job; None: there is none."""
    found = _progress(db, db.execute(_JOBS.where(J.id == job_id)).all(), now)
    return found[0] if found else None


_JOBS = select(*J.__table__.columns)


def _progress(db: Session, jobs: Sequence[Row[Any]], now: datetime) -> list[BulkProgress]:
    """Jobs with what became of their items: one query for all of them."""
    count = func.count().label("count")
    rows = db.execute(
        select(I.job_id, I.code, count)
        .where(I.job_id.in_([job.id for job in jobs]), I.done_at.is_not(None))
        .group_by(I.job_id, I.code)
        .order_by(count.desc(), I.code)
    )
    done: dict[UUID, int] = {}
    refused: dict[UUID, dict[str, int]] = {}
    for job_id, code, counted in rows:
        if code is None:
            done[job_id] = counted
        else:
            refused.setdefault(job_id, {})[code] = counted
    return [
        BulkProgress(
            id=job.id,
            action=BulkAction(job.action),
            argument=job.argument,
            reason=job.reason,
            requested_by=job.requested_by,
            created_at=job.created_at,
            finished_at=job.finished_at,
            state=BulkState(job.state),
            is_resting=_is_resting(job, now),
            total=job.total,
            done=done.get(job.id, 0),
            refused=refused.get(job.id, {}),
        )
        for job in jobs
    ]


def _is_resting(job: Row[Any], now: datetime) -> bool:
    if job.state != BulkState.RUNNING:
        return False
    if job.lease_expires_at is None:
        return bool(job.created_at <= now - ABANDONED_AFTER)
    return bool(job.lease_expires_at <= now)
