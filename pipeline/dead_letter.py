"""When the queue gives up on a run: the session says so, and waits for a person."""

from __future__ import annotations

import logging
from uuid import UUID

from pipeline.database import operations, sessions
from pipeline.database.engine import transaction
from pipeline.services import Services

log = logging.getLogger(__name__)

ACTOR = "queue"


def mark_dead(services: Services, session_id: UUID, run_id: UUID | None) -> bool:
    """Record that no delivery comes any more. False: the run is unknown or not the newest."""
    with transaction(services.engine) as db:
        session = sessions.lock(db, session_id)
        if session is None or session.run_id is None:
            return False
        marked = operations.give_up(
            db,
            session_id,
            run_id=run_id or session.run_id,
            actor=ACTOR,
            now=services.now(),
        )
    if marked:
        log.warning("run_dead", extra={"session": str(session_id), "run": str(run_id)})
    return marked
