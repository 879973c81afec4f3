"""The audit: entries are added, in the transaction of what they tell, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.audit_entry import Entry, Wanted
from pipeline.database.models import SpeakingSession
from pipeline.database.staff_models import AuditEntry
from pipeline.plain_text import storable
from pipeline.staff import AuditAction, Role, Staff

A = AuditEntry


def record(
    db: Session,
    staff: Staff | None,
    action: AuditAction,
    *,
    now: datetime,
    session_id: UUID | None = None,
    learner_id: str | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry. `detail` holds ids, names of fields and codes, never what was said.

    The session's learner is looked up while the session is there, unless it is given. Without
    `staff` the company's app acts, of which the session's events tell: nothing is added.
    Of looks at a transcript the first in each quarter of an hour is added.
    """
    if staff is None:
        return
    whose = select(SpeakingSession.learner_id).where(SpeakingSession.id == session_id)
    db.execute(
        insert(A)
        .values(
            at=now,
            actor=staff.name,
            role=int(staff.role),
            action=action,
            session_id=session_id,
            learner_id=whose.scalar_subquery() if learner_id is None else learner_id,
            reason=storable(reason).strip() or None if reason else None,
            detail=dict(detail or {}),
        )
        # Nothing conflicts but a second look, by the index `uq_audit_log_view`.
        .on_conflict_do_nothing()
    )


def page(db: Session, wanted: Wanted, *, before: int | None, limit: int) -> list[Entry]:
    """Up to `limit` entries older than the entry `before`, newest first."""
    chosen = _chosen(wanted).limit(limit)
    if before is not None:
        chosen = chosen.where(A.id < before)
    return [_entry(row) for row in db.execute(chosen)]


def every(db: Session, wanted: Wanted, *, most: int) -> Iterator[Entry]:
    """At most `most` entries, newest first, read as they are asked for."""
    rows = db.execute(_chosen(wanted).limit(most).execution_options(yield_per=1000))
    return (_entry(row) for row in rows)


def _chosen(wanted: Wanted) -> Select[Any]:
    return select(*A.__table__.columns).where(*_conditions(wanted)).order_by(A.id.desc())


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    exact = (
        (A.actor, wanted.actor),
        (A.action, wanted.action),
        (A.session_id, wanted.session_id),
        (A.learner_id, wanted.learner_id),
    )
    conditions = [column == value for column, value in exact if value is not None]
    if wanted.since is not None:
        conditions.append(A.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(A.at < wanted.until)
    return conditions


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        role=Role(row.role),
        action=AuditAction(row.action),
        session_id=row.session_id,
        learner_id=row.learner_id,
        reason=row.reason,
        detail=row.detail,
    )
