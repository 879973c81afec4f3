"""Something done to many sessions: asked for by staff, worked off in the background.

A job is committed with all its items before anybody works on it. Whoever holds its lease does
one item after the other, each by the use-case that does it for a single session, and settles it
in the same transaction: what was done is never done again, and after a stop nothing more lands.
Where the worker dies or meets passing trouble, the sweeper goes on.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from pipeline import intake, removal
from pipeline.bulk_action import BulkAction, BulkProgress
from pipeline.database import audit, bulk, sessions
from pipeline.database.base import new_id
from pipeline.database.bulk import Hold, Item
from pipeline.database.engine import transaction
from pipeline.errors import (
    InvalidInput,
    LeaseHeld,
    NotFound,
    RostrumError,
    Transient,
    Unforeseen,
)
from pipeline.intake import Also
from pipeline.plain_text import storable
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Scope

MOST_SESSIONS = 10_000
"""Of one job."""
LONGEST_TEXT = 500
"""Characters of a reason, or of a name."""
BATCH = 100
"""Items that are looked up at once."""
MOST_RECENT = 10

log = logging.getLogger(__name__)


def new_job_id() -> UUID:
    """An id for a job that somebody may ask for; jobs are listed in the order of their ids."""
    return new_id()


def start(
    services: Services,
    staff: Staff,
    action: BulkAction,
    *,
    session_ids: Sequence[UUID],
    reason: str,
    argument: str | None = None,
    job_id: UUID | None = None,
) -> UUID:
    """Ask for something to be done to many sessions; the job's id. Nothing is done yet.

    Asking twice with one `job_id` starts one job. `argument` is whom to assign to.

    Raises:
        Forbidden: `staff` may not do this to a single session either.
        InvalidInput: no session, too many, no reason, or nobody to assign to.
    """
    staff.must_be(action.needs)
    listed = list(dict.fromkeys(session_ids))
    why, whom = _text(reason), _text(argument or "")
    _refuse_unfit(listed, action, why, whom)
    job_id, now = job_id or new_job_id(), services.now()
    with transaction(services.engine) as db:
        added = bulk.add(
            db,
            job_id,
            staff,
            action,
            session_ids=listed,
            argument=whom or None,
            reason=why,
            now=now,
        )
        if added:
            detail = {"job": str(job_id), "action": action, "sessions": len(listed)}
            audit.record(db, staff, AuditAction.BULK, now=now, reason=why, detail=detail)
    return job_id


def _text(typed: str) -> str:
    return storable(typed).strip()


def _refuse_unfit(listed: list[UUID], action: BulkAction, why: str, whom: str) -> None:
    if not listed:
        raise InvalidInput("No session is chosen. Choose at least one.")
    if len(listed) > MOST_SESSIONS:
        raise InvalidInput(
            f"{len(listed):,} sessions are too many for one job: at most {MOST_SESSIONS:,}. "
            "Narrow the filters."
        )
    if not why:
        raise InvalidInput("Give a reason: the audit keeps it.")
    if max(len(why), len(whom)) > LONGEST_TEXT:
        raise InvalidInput(f"That is too long: at most {LONGEST_TEXT} characters.")
    if action is BulkAction.ASSIGN and not whom:
        raise InvalidInput("Say to whom the sessions shall be assigned.")


def begin(services: Services, job_id: UUID) -> None:
    """Work a job off in the background of this process; where it dies, the sweeper goes on."""
    threading.Thread(
        target=work_off, args=(services, job_id), name=f"bulk-{job_id}", daemon=True
    ).start()


def work_off(services: Services, job_id: UUID, *, ends_at: float = math.inf) -> bool:
    """Do what is left of a job, until `ends_at` by `time.monotonic`; False: nobody had to.

    Passing trouble of storage or database ends the work here, and the sweeper goes on; what is
    refused is written down with its code.
    """
    try:
        with transaction(services.engine) as db:
            hold = bulk.claim(db, job_id, now=services.now())
        if hold is not None:
            _work(services, hold, ends_at)
    except Transient as error:
        log.warning("bulk_put_down", extra={"job": str(job_id), "code": error.code})
        return True
    return hold is not None


def _work(services: Services, hold: Hold, ends_at: float) -> None:
    try:
        while items := _waiting(services, hold):
            for item in items:
                if time.monotonic() >= ends_at:
                    _hand_back(services, hold)
                    return
                _do_or_refuse(services, hold, item)
    except LeaseHeld:
        # Stopped, or in other hands: there is nothing to give back.
        raise
    except Transient:
        _hand_back(services, hold)
        raise
    with transaction(services.engine) as db:
        bulk.finish(db, hold, now=services.now())
    log.info("bulk_done", extra={"job": str(hold.job_id), "action": hold.action})


def _waiting(services: Services, hold: Hold) -> list[Item]:
    with transaction(services.engine) as db:
        return bulk.waiting(db, hold, limit=BATCH)


def _hand_back(services: Services, hold: Hold) -> None:
    with transaction(services.engine) as db:
        bulk.hand_back(db, hold, now=services.now())


def _do_or_refuse(services: Services, hold: Hold, item: Item) -> None:
    """One item: done and settled at once, or settled with why it was not done.

    Raises:
        Transient: neither; it is tried again.
    """
    try:
        _do(services, hold, item)
    except Transient:
        raise
    except RostrumError as error:
        _settle(services, hold, item, error.code)
    except Exception as error:  # noqa: BLE001 - one session must not keep the others from being done
        # By its type alone: the message may hold what a row holds.
        log.error("bulk_item_failed", extra={**_ids(hold, item), "cause": type(error).__name__})  # noqa: TRY400 - the same
        _settle(services, hold, item, Unforeseen.code)


def _settle(services: Services, hold: Hold, item: Item, code: str) -> None:
    with transaction(services.engine) as db:
        bulk.settle(db, hold, item, code=code, now=services.now())


def _do(services: Services, hold: Hold, item: Item) -> None:
    def done(db: Session) -> None:
        bulk.settle(db, hold, item, code=None, now=services.now())

    _ACTIONS[hold.action](services, hold, item.session_id, done)


def _rerun(
    services: Services,
    hold: Hold,
    session_id: UUID,
    also: Also,
    *,
    scope: Scope,
) -> None:
    intake.rerun(services, session_id, scope=scope, staff=hold.staff, reason=hold.reason, also=also)


def _retry(services: Services, hold: Hold, session_id: UUID, also: Also) -> None:
    """Run again what is missing: `intake.rerun` checks whether that can be."""
    with transaction(services.engine) as db:
        has_transcript = sessions.newest_transcript_id(db, session_id) is not None
    scope = Scope.ANALYSIS if has_transcript else Scope.FULL
    _rerun(services, hold, session_id, also, scope=scope)


def _delete(services: Services, hold: Hold, session_id: UUID, also: Also) -> None:
    removal.delete_session(services, session_id, staff=hold.staff, reason=hold.reason, also=also)


def _assign(services: Services, hold: Hold, session_id: UUID, also: Also) -> None:
    hold.staff.must_be(Role.QA)
    with transaction(services.engine) as db:
        if not bulk.assign(db, session_id, to=str(hold.argument)):
            raise NotFound
        audit.record(
            db,
            hold.staff,
            AuditAction.ASSIGN,
            now=services.now(),
            session_id=session_id,
            reason=hold.reason,
            detail={"to": hold.argument},
        )
        also(db)


_ACTIONS: dict[BulkAction, Callable[[Services, Hold, UUID, Also], None]] = {
    BulkAction.RERUN_ANALYSIS: partial(_rerun, scope=Scope.ANALYSIS),
    BulkAction.RERUN_FULL: partial(_rerun, scope=Scope.FULL),
    BulkAction.RETRY: _retry,
    BulkAction.DELETE: _delete,
    BulkAction.ASSIGN: _assign,
}


def _ids(hold: Hold, item: Item) -> dict[str, str]:
    return {"job": str(hold.job_id), "session": str(item.session_id)}


def stop(services: Services, staff: Staff, job_id: UUID) -> bool:
    """End a job: once this returns, nothing more is done. False: it was over already.

    Raises:
        Forbidden: `staff` neither asked for the job nor is an admin.
        NotFound: there is no such job.
    """
    staff.must_be(Role.QA)
    now = services.now()
    with transaction(services.engine) as db:
        asked_by = bulk.asked_by(db, job_id)
        if asked_by is None:
            raise NotFound("There is no such job; jobs are kept for a month.")
        if asked_by != staff.name:
            staff.must_be(Role.ADMIN)
        stopped = bulk.stop(db, job_id, now=now)
        if stopped:
            detail = {"job": str(job_id), "stopped": True}
            audit.record(db, staff, AuditAction.BULK, now=now, detail=detail)
    return stopped


def progress(services: Services, job_id: UUID) -> BulkProgress:
    """How far a job is.

    Raises:
        NotFound: there is no such job.
    """
    with transaction(services.engine) as db:
        found = bulk.progress(db, job_id, now=services.now())
    if found is None:
        raise NotFound("There is no such job; jobs are kept for a month.")
    return found


def recent(services: Services, *, limit: int = MOST_RECENT) -> tuple[BulkProgress, ...]:
    """The newest jobs, newest first."""
    with transaction(services.engine) as db:
        return tuple(bulk.recent(db, limit=limit, now=services.now()))
