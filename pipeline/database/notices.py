"""Which ends of runs the company's app was not told of yet: read from the runs themselves.

Nothing is queued beside them: a run that ended and was not told of is what is to be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.status import Outcome

TOLD_WITHIN = timedelta(days=1)
"""After that nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The end of one run."""

    run_id: UUID
    session_id: UUID
    user_id: str
    outcome: Outcome
    """`completed` or `failed`."""
    error_code: str | None
    finished_at: datetime
    is_last_try: bool
    """It is due again only after `TOLD_WITHIN`."""


# Whoever takes a notice has it until it is due again: of two processes one tells it. The wait
# doubles from half a minute on, to 4 hours at most.
_TAKE = text("""
UPDATE runs SET notice_attempts = runs.notice_attempts + 1,
       notice_due_at = CAST(:now AS timestamptz)
                       + interval '30 seconds' * least(power(2, runs.notice_attempts), 480)
  FROM (SELECT r.id, s.learner_id
          FROM runs r
          JOIN sessions s ON s.id = r.session_id
         WHERE r.finished_at > :since
           AND r.outcome IN ('completed', 'failed')
           AND r.outcome IS DISTINCT FROM r.notified_outcome
           AND (r.notice_due_at IS NULL OR r.notice_due_at <= :now)
           AND (CAST(:run AS uuid) IS NULL OR r.id = :run)
         ORDER BY r.finished_at
         LIMIT :limit
           FOR UPDATE OF r SKIP LOCKED) untold
 WHERE runs.id = untold.id
RETURNING runs.id, runs.session_id, untold.learner_id, runs.outcome, runs.error_code,
          runs.finished_at, runs.notice_due_at
""")
_TOLD = text("""
UPDATE runs SET notified_outcome = :outcome, notice_attempts = 0, notice_due_at = NULL
 WHERE id = :run AND outcome = :outcome
""")


def take_untold(
    db: Session, *, now: datetime, limit: int, run_id: UUID | None = None
) -> list[Notice]:
    """Ends of runs that are to be told now, of one run where one is named."""
    rows = db.execute(
        _TAKE, {"now": now, "since": now - TOLD_WITHIN, "run": run_id, "limit": limit}
    )
    return [
        Notice(
            run_id=row.id,
            session_id=row.session_id,
            user_id=row.learner_id,
            outcome=Outcome(row.outcome),
            error_code=row.error_code,
            finished_at=row.finished_at,
            is_last_try=row.notice_due_at >= row.finished_at + TOLD_WITHIN,
        )
        for row in rows
    ]


def mark_told(db: Session, notice: Notice) -> None:
    """The app took it. A run that was opened again meanwhile is told of anew when it ends."""
    db.execute(_TOLD, {"run": notice.run_id, "outcome": notice.outcome})
