"""Taking away a session, or all that is held on a learner: recordings go first, then rows."""

from __future__ import annotations

from uuid import UUID

from pipeline.consent import Receipt
from pipeline.database import audit, erasure, profiles, sessions
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.errors import NO_SUCH_LEARNER, NotFound
from pipeline.intake import APP, Also, existing, nothing_else
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff


def delete_session(
    services: Services,
    session_id: UUID,
    *,
    staff: Staff | None = None,
    reason: str | None = None,
    also: Also = nothing_else,
) -> None:
    """Delete a session: its audio, its rows, and its share of the profile.

    What `also` writes lands together with the deletion of the rows, or neither does.

    Raises:
        Forbidden: `staff` may not delete.
        NotFound: no such session.
        StorageUnavailable: nothing was deleted.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    with transaction(services.engine) as db:
        session = existing(sessions.find(db, session_id))
    if session.audio_key and session.audio_deleted_at is None:
        services.storage.delete(session.audio_key)
    with transaction(services.engine) as db:
        learner_id = sessions.remove(db, session_id)
        if learner_id is not None:
            profiles.refresh(db, learner_id)
            audit.record(
                db,
                staff,
                AuditAction.DELETE,
                now=services.now(),
                session_id=session_id,
                learner_id=learner_id,
                reason=reason,
            )
        also(db)


def erase_learner(
    services: Services, user_id: str, *, staff: Staff | None = None, reason: str | None = None
) -> Receipt:
    """Delete everything held on a learner. The audit goes on naming their id.

    It also keeps the receipt, which is returned.

    Raises:
        Forbidden: `staff` may not erase.
        NotFound: nothing is held on them, or somebody else was faster.
        StorageUnavailable: the rows are still there; erase again.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    with transaction(services.engine) as db:
        if not sessions.learner_exists(db, user_id):
            raise NotFound(NO_SUCH_LEARNER)
        stored = erasure.stored_audio(db, user_id)
    for recording in stored:
        services.storage.delete(recording.key)
    now = services.now()
    with transaction(services.engine) as db:
        counts = erasure.erase(db, user_id)
        if counts is None:
            raise NotFound(NO_SUCH_LEARNER)
        counts["recordings"] = sum(recording.is_uploaded for recording in stored)
        receipt = Receipt(new_id(), user_id, now, counts)
        audit.record(
            db,
            # Nothing else is left to tell of it, so the app's erasures are in the audit, too.
            staff or Staff(APP, Role.ADMIN),
            AuditAction.ERASE,
            now=now,
            learner_id=user_id,
            reason=reason,
            detail={"receipt": str(receipt.id), **counts},
        )
    return receipt
