"""The sweeper: finishes what a crash left. Every action is bounded, logged and idempotent.

`python -m pipeline.sweep` sweeps once and prints what it did.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from pipeline import intake
from pipeline.database import operations, sessions
from pipeline.database.engine import transaction
from pipeline.database.operations import Held
from pipeline.errors import StorageUnavailable
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.storage import PREFIX, StoredObject

AT_MOST = 100
"""Sessions, and recordings, that one sweep touches of each kind."""
ORPHAN_AFTER = timedelta(hours=2)
"""Younger objects may belong to an upload that is about to commit."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did."""

    published: int
    """Runs that the queue had never taken."""
    resumed: int
    """Runs handed to the queue again after a crash."""
    expired: int
    """Sessions announced and never uploaded, removed."""
    audio_deleted: int
    """Recordings past their purpose, deleted."""
    orphans_deleted: int
    """Objects that no session knew, deleted."""
    failures: int
    """Things that could not be done now; the next sweep tries again."""


def sweep(services: Services) -> SweepReport:
    """Sweep once.

    Raises:
        DatabaseUnavailable, StorageUnavailable, ConfigurationMissing: nothing more can be done.
    """
    published, resumed, refused = _publish(services)
    expired, kept = _expire(services)
    deleted, undeleted = _delete_overdue(services)
    orphans = _delete_orphans(services)
    with transaction(services.engine) as db:
        operations.forget_old_keys(db, now=services.now())
    report = SweepReport(
        published=published,
        resumed=resumed,
        expired=expired,
        audio_deleted=deleted,
        orphans_deleted=orphans,
        failures=refused + kept + undeleted,
    )
    log.info("swept", extra=asdict(report))
    return report


def _publish(services: Services) -> tuple[int, int, int]:
    with transaction(services.engine) as db:
        waiting = operations.runs_to_publish(db, now=services.now(), limit=AT_MOST)
    taken = [(again, intake.publish(services, run_id)) for run_id, again in waiting]
    return (
        sum(ok and not again for again, ok in taken),
        sum(ok and again for again, ok in taken),
        sum(not ok for _, ok in taken),
    )


def _expire(services: Services) -> tuple[int, int]:
    with transaction(services.engine) as db:
        abandoned = operations.abandoned_sessions(db, now=services.now(), limit=AT_MOST)
    gone = _delete_objects(services, abandoned)
    for held in gone:
        with transaction(services.engine) as db:
            sessions.remove(db, held.session_id)
    return len(gone), len(abandoned) - len(gone)


def _delete_overdue(services: Services) -> tuple[int, int]:
    retention = timedelta(hours=services.settings.audio_retention_hours)
    with transaction(services.engine) as db:
        overdue = operations.overdue_audio(
            db, now=services.now(), retention=retention, limit=AT_MOST
        )
    gone = _delete_objects(services, overdue)
    for held in gone:
        _settle_deletion(services, held.session_id)
    return len(gone), len(overdue) - len(gone)


def _settle_deletion(services: Services, session_id: UUID) -> None:
    """Stamp the deletion; a session that waited only for it gets a run that completes it."""
    with transaction(services.engine) as db:
        sessions.stamp_audio_deleted(db, session_id, now=services.now())
        run_id = operations.reopen_after_deletion(db, session_id)
    if run_id is not None:
        intake.publish(services, run_id)


def _delete_objects(services: Services, held: Iterable[Held]) -> list[Held]:
    gone = []
    for recording in held:
        try:
            services.storage.delete(recording.audio_key)
        except StorageUnavailable:
            log.warning("audio_not_deleted", extra={"session": str(recording.session_id)})
            continue
        gone.append(recording)
    return gone


def _delete_orphans(services: Services) -> int:
    old = services.now() - ORPHAN_AFTER
    named = {
        stored.key: session_id
        for stored in services.storage.objects()
        if stored.modified_at <= old and (session_id := _session_of(stored)) is not None
    }
    with transaction(services.engine) as db:
        known = operations.known_audio(db, list(named.values()))
    orphans = [key for key, session_id in named.items() if session_id not in known][:AT_MOST]
    for key in orphans:
        services.storage.delete(key)
    return len(orphans)


def _session_of(stored: StoredObject) -> UUID | None:
    try:
        return UUID(stored.key.removeprefix(PREFIX))
    except ValueError:
        # Not one of ours: what we did not name we do not delete.
        return None


if __name__ == "__main__":
    print(sweep(Services(Settings())))  # noqa: T201 - the command's answer
