"""What waits and what is overdue, in one statement that is bounded however much there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, literal, select
from sqlalchemy.orm import Session

from pipeline.database.models import Run, SpeakingSession
from pipeline.database.operations import is_newest, is_overdue
from pipeline.status import Status

AT_MOST = 10_000
"""Rows that are looked at of each kind: a count that reaches it means so many or more."""

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much there is to do."""

    waiting: int
    """Runs that are to be worked on and that no living worker has in hand."""
    oldest_waiting_seconds: float
    """How long the first of them has waited; 0 where there is none."""
    working: int
    """Sessions that a living worker has in hand."""
    audio_overdue: int
    """Recordings past their purpose."""


def read(db: Session, *, now: datetime, retention: timedelta) -> Backlog:
    """Count; `retention` is how long recordings of failed sessions are kept."""
    since = case(
        (S.status == Status.PROCESSING, S.lease_expires_at),
        # One that somebody opened again waits since it was handed over again.
        (S.status == Status.FAILED, func.greatest(S.status_changed_at, Run.queued_at)),
        else_=Run.created_at,
    )
    in_hand = and_(S.status == Status.PROCESSING, S.lease_expires_at > now)
    runs = (
        select(since.label("since"), in_hand.label("in_hand"))
        .select_from(Run)
        .join(S, is_newest())
        .where(Run.outcome.is_(None))
        .order_by(Run.created_at)
        .limit(AT_MOST)
        .subquery()
    )
    overdue = (
        select(literal(1).label("one"))
        .select_from(S)
        .where(is_overdue(now=now, retention=retention))
        .limit(AT_MOST)
        .subquery()
    )
    counted = db.execute(
        select(
            func.count().filter(~runs.c.in_hand).label("waiting"),
            func.min(runs.c.since).filter(~runs.c.in_hand).label("oldest"),
            func.count().filter(runs.c.in_hand).label("working"),
            select(func.count()).select_from(overdue).scalar_subquery().label("audio_overdue"),
        ).select_from(runs)
    ).one()
    oldest = counted.oldest
    return Backlog(
        waiting=counted.waiting,
        oldest_waiting_seconds=max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
        working=counted.working,
        audio_overdue=counted.audio_overdue,
    )
