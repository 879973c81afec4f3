"""What a learner agrees to, as the company's app and staff read it and write it down."""

from __future__ import annotations

import logging
from dataclasses import asdict

from pipeline.consent import Consents, Held
from pipeline.database import audit, consents
from pipeline.database.engine import transaction
from pipeline.errors import NO_SUCH_LEARNER, NotFound
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff

log = logging.getLogger(__name__)


def read(services: Services, user_id: str) -> Held:
    """What a learner agrees to.

    Raises:
        NotFound: nothing is held on them.
    """
    with transaction(services.engine) as db:
        held = consents.of(db, user_id)
    if held is None:
        raise NotFound(NO_SUCH_LEARNER)
    return held


def write(
    services: Services,
    user_id: str,
    agreed: Consents,
    *,
    staff: Staff | None = None,
    reason: str | None = None,
) -> Held:
    """Keep what a learner agrees to, and obey it in the same transaction; a new one is made.

    Words of finished sessions go at once, those under way when they end; kept recordings of
    runs that were given up are overdue from now on. Writing the same again changes nothing.

    Raises:
        Forbidden: `staff` may not change it.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    now = services.now()
    with transaction(services.engine) as db:
        before = consents.save(db, user_id, agreed, now=now)
        changed = {
            name: value
            for name, value in asdict(agreed).items()
            if value != getattr(before.consents, name)
        }
        if changed:
            audit.record(
                db,
                staff,
                AuditAction.CONSENT,
                now=now,
                learner_id=user_id,
                reason=reason,
                detail=changed,
            )
    if changed:
        log.info("consents_changed", extra=changed)
    return Held(agreed, now if changed else before.changed_at)
