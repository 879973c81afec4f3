"""Dead letters as the sessions see them: where each session stands, and opening its run again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import Session

from pipeline.database.models import Run, SpeakingSession
from pipeline.database.operations import LOST_AFTER
from pipeline.database.sessions import change_status
from pipeline.errors import Unforeseen
from pipeline.status import Status

S = SpeakingSession


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session and its newest run stand."""

    session_id: UUID
    learner_id: str
    title: str | None
    status: Status
    run_id: UUID | None
    """The newest run."""
    attempts: int
    """Attempts of the newest run."""
    is_done: bool
    """The newest run's results are the session's."""
    lease_expires_at: datetime | None
    lacks_audio: bool
    """The newest run has no transcript yet, and the recording is gone."""
    lacks_words: bool
    """The newest run has a transcript, whose words were removed."""
    error_message: str | None
    error_retryable: bool | None
    will_retry: bool


def standings(db: Session, session_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Where these sessions stand; those that are gone have no entry."""
    rows = db.execute(
        select(*S.__table__.columns, Run.attempts, Run.transcript_id)
        .outerjoin(Run, Run.id == S.run_id)
        .where(S.id.in_(session_ids))
    )
    return {
        row.id: Standing(
            session_id=row.id,
            learner_id=row.learner_id,
            title=row.title,
            status=Status(row.status),
            run_id=row.run_id,
            attempts=row.attempts or 0,
            is_done=row.result_run_id is not None and row.result_run_id == row.run_id,
            lease_expires_at=row.lease_expires_at,
            lacks_audio=row.audio_deleted_at is not None and row.transcript_id is None,
            lacks_words=row.transcript_removed_at is not None and row.transcript_id is not None,
            error_message=row.error_message,
            error_retryable=row.error_retryable,
            will_retry=bool(row.will_retry),
        )
        for row in rows
    }


def reopen(db: Session, session_id: UUID, *, run_id: UUID, actor: str, now: datetime) -> bool:
    """Open a given-up run again, and say that a delivery of it is expected.

    The run counts as never handed over from now on, so that the sweeper publishes it where
    nobody else does. Of several at once one wins. False: another one did, the run is not the
    newest, or a worker is busy with it.
    """
    opened = change_status(
        db,
        session_id,
        Status.FAILED,
        only_if=and_(
            S.run_id == run_id,
            S.result_run_id.is_distinct_from(S.run_id),
            S.will_retry.is_not(True),
            or_(S.status != Status.PROCESSING, S.lease_expires_at <= now),
        ),
        actor=actor,
        now=now,
        values={
            "stage": S.stage,
            "lease_expires_at": None,
            # A session that no delivery ever reached has no error yet.
            "error_code": func.coalesce(S.error_code, Unforeseen.code),
            "error_message": func.coalesce(
                S.error_message, "No delivery of the queue got through."
            ),
            "error_retryable": func.coalesce(S.error_retryable, true()),
            "will_retry": True,
            # As for any message that the queue takes: after so long it was lost.
            "retry_due_at": now + LOST_AFTER,
        },
        run_values={"outcome": None, "finished_at": None, "error_code": None, "queued_at": None},
    )
    return opened is not None
