"""Learners, as staff find them, look at them, and ask what their patterns rest on."""

from __future__ import annotations

from pipeline.database import audit, learners
from pipeline.database.engine import transaction
from pipeline.errors import NO_SUCH_LEARNER, NotFound
from pipeline.plain_text import storable
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.standing import Evidence, LearnerFound, LearnerStanding

MOST_FOUND = 10
RECENT_FROM = 300
"""Of so many newest sessions the learners are recent ones."""
MOST_SESSIONS = 20
MOST_EVIDENCE = 3
"""Sessions whose quotes are shown for a pattern."""


def find(services: Services, beginning: str = "") -> tuple[LearnerFound, ...]:
    """Learners whose id begins so, by id; of an empty beginning those heard last, newest first.

    One more than `MOST_FOUND` means: there are more.
    """
    wanted = storable(beginning).strip()
    with transaction(services.engine) as db:
        if wanted:
            return tuple(learners.beginning_with(db, wanted, most=MOST_FOUND + 1))
        return tuple(learners.recent(db, looked_at=RECENT_FROM, most=MOST_FOUND))


def standing(services: Services, user_id: str) -> LearnerStanding:
    """One learner with all that is shown of them, by a constant number of statements.

    Raises:
        NotFound: nothing is held on this learner.
    """
    with transaction(services.engine) as db:
        found = learners.standing(db, user_id, sessions=MOST_SESSIONS)
    if found is None:
        raise NotFound(NO_SUCH_LEARNER)
    return found


def evidence(
    services: Services, user_id: str, pattern_key: str, *, staff: Staff
) -> tuple[Evidence, ...]:
    """What the newest sessions with a pattern show of it, newest first.

    Quotes are pieces of transcripts: the audit tells who looked, session by session.

    Raises:
        Forbidden: `staff` may not read.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        found = learners.evidence(db, user_id, pattern_key, most=MOST_EVIDENCE)
        for shown in found:
            audit.record(
                db,
                staff,
                AuditAction.VIEW_TRANSCRIPT,
                now=services.now(),
                session_id=shown.session_id,
                learner_id=user_id,
            )
    return tuple(found)
