"""Which run's results a session shows: the last that succeeded, unless staff choose another."""

from __future__ import annotations

from uuid import UUID

from pipeline.database import audit, profiles, sessions, summaries
from pipeline.database.engine import transaction
from pipeline.errors import InvalidInput, NotFound
from pipeline.intake import existing, refuse_while_live
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Outcome


def make_current(
    services: Services,
    staff: Staff,
    session_id: UUID,
    run_id: UUID,
    *,
    reason: str | None = None,
) -> None:
    """Show this run's results from now on, also in the learner's profile.

    The next run that succeeds is shown in its place. A run that is shown already stays so.

    Raises:
        Forbidden: `staff` may not choose.
        NotFound: no such session, or it has no such run.
        InvalidInput: the run was not completed.
        AlreadyRunning: a run is live, whose results would take this one's place.
    """
    staff.must_be(Role.QA)
    with transaction(services.engine) as db:
        session = existing(sessions.lock(db, session_id))
        run = sessions.find_run(db, run_id)
        if run is None or run.session_id != session_id:
            raise NotFound("This session has no such run.")
        if run.outcome != Outcome.COMPLETED:
            raise InvalidInput("This run was not completed: there are no results to show.")
        refuse_while_live(db, session)
        if session.result_run_id == run_id:
            return
        detail = {"run": str(run_id), "instead_of": str(session.result_run_id)}
        learner_id = session.learner_id
        sessions.show_run(db, session_id, run_id)
        profiles.refresh(db, learner_id)
        summaries.refresh(db, session_id)
        audit.record(
            db,
            staff,
            AuditAction.MAKE_CURRENT,
            now=services.now(),
            session_id=session_id,
            reason=reason,
            detail=detail,
        )
