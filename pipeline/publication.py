"""The step behind every commit that makes a run: hand it to the queue, and remember that."""

from __future__ import annotations

import logging
from uuid import UUID

from pipeline.database import sessions
from pipeline.database.engine import transaction
from pipeline.errors import RostrumError
from pipeline.services import Services

log = logging.getLogger(__name__)


def publish(services: Services, run_id: UUID, *, after: int | None = None) -> bool:
    """Hand a run to the queue. False: it did not take it, and the sweeper tries again.

    With `after`, only if it has been handed over just so often: of two sweepers one does it.
    """
    with transaction(services.engine) as db:
        publication = sessions.next_publication(db, run_id, now=services.now(), after=after)
    if publication is None:
        return False
    session_id, number = publication
    try:
        message_id = services.queue.enqueue_processing(
            session_id, run_id=run_id, publication=number
        )
    except RostrumError as error:
        services.meters.not_published(error.code)
        log.warning(
            "run_not_published",
            extra={"session": str(session_id), "run": str(run_id), "code": error.code},
        )
        return False
    with transaction(services.engine) as db:
        sessions.mark_queued(db, run_id, message_id=message_id, now=services.now())
    return True
