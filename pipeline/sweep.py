"""The sweeper: finishes what a crash left. Every action is bounded, logged and idempotent.

`python -m pipeline.sweep` sweeps once and prints what it did.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import takewhile
from typing import TypeVar
from uuid import UUID

from pipeline import bulk, notify
from pipeline.database import bulk as jobs
from pipeline.database import operations, sessions
from pipeline.database.engine import transaction
from pipeline.database.operations import Held, Waiting
from pipeline.errors import QueueUnavailable, RateLimited, RostrumError, StorageUnavailable
from pipeline.log_lines import configure
from pipeline.publication import publish
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.storage import PREFIX, StoredObject
from pipeline.workspace import clear_abandoned

AT_MOST = 100
"""Sessions, and recordings, that one sweep touches of each kind."""
KIND_SECONDS = 10.0
"""Nothing more of a kind is begun after that: a vendor that hangs must not hold up the rest."""
ORPHAN_AFTER = timedelta(hours=2)
"""Younger objects may belong to an upload that is about to commit."""

SWEEPER = "sweeper"
"""The actor of what nobody asked for."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did."""

    published: int
    """Runs that the queue had never taken."""
    resumed: int
    """Runs handed to the queue again after a crash."""
    given_up: int
    """Runs that were cut off too often to be tried again."""
    expired: int
    """Sessions announced and never uploaded, removed."""
    audio_deleted: int
    """Recordings past their purpose, deleted."""
    orphans_deleted: int
    """Objects that no session knew, deleted."""
    told: int
    """Ends of runs that the company's app had not taken before."""
    jobs_continued: int
    """Jobs over many sessions that nobody worked on, gone on with."""
    failures: int
    """Things that could not be done now; the next sweep tries again."""


def sweep(services: Services) -> SweepReport:
    """Sweep once. A queue or a storage that is away keeps nothing else from being done.

    Raises:
        DatabaseUnavailable, ConfigurationMissing: nothing more can be done.
    """
    started_at = services.now()
    clear_abandoned()
    published, resumed, refused = _publish(services)
    given_up = _give_up(services)
    expired, kept = _expire(services)
    deleted, undeleted = _delete_overdue(services)
    orphans, hidden = _delete_orphans(services)
    told, untold = notify.tell(services)
    continued = _continue_jobs(services)
    report = SweepReport(
        published=published,
        resumed=resumed,
        given_up=given_up,
        expired=expired,
        audio_deleted=deleted,
        orphans_deleted=orphans,
        told=told,
        jobs_continued=continued,
        failures=refused + kept + undeleted + hidden + untold,
    )
    _conclude(services, report, started_at)
    services.meters.swept()
    log.info("swept", extra=asdict(report))
    return report


def _conclude(services: Services, report: SweepReport, started_at: datetime) -> None:
    """Write down what was done, and forget what nobody asks for any more."""
    now = services.now()
    with transaction(services.engine) as db:
        operations.record_sweep(db, asdict(report), started_at=started_at, now=now)
        operations.forget_old_keys(db, now=now)
        jobs.forget_old(db, now=now)


class _Became(Enum):
    """What became of a run that waits for the queue."""

    PUBLISHED = auto()
    RESUMED = auto()
    STILL_QUEUED = auto()


def _publish(services: Services) -> tuple[int, int, int]:
    """How many runs were published, published again, and could not be."""
    with transaction(services.engine) as db:
        waiting = operations.runs_to_publish(db, now=services.now(), limit=AT_MOST)
    became = Counter(_hand_over(services, run) for run in _in_time(waiting))
    refused = len(waiting) - sum(became[one] for one in _Became)
    return became[_Became.PUBLISHED], became[_Became.RESUMED], refused


def _hand_over(services: Services, run: Waiting) -> _Became | None:
    """Publish a run unless its message waits in the queue still; None: not possible now."""
    try:
        if run.message_id and services.queue.is_waiting(run.message_id):
            with transaction(services.engine) as db:
                sessions.mark_queued(db, run.run_id, message_id=run.message_id, now=services.now())
            return _Became.STILL_QUEUED
    except (QueueUnavailable, RateLimited):
        return None
    if not publish(services, run.run_id, after=run.publications):
        return None
    return _Became.RESUMED if run.was_queued else _Became.PUBLISHED


def _in_time(items: Iterable[T]) -> Iterator[T]:
    """Those that can be begun in the time of one kind; the next sweep takes the rest."""
    ends_at = time.monotonic() + KIND_SECONDS
    return takewhile(lambda _: time.monotonic() < ends_at, items)


def _give_up(services: Services) -> int:
    with transaction(services.engine) as db:
        exhausted = operations.exhausted_runs(db, now=services.now(), limit=AT_MOST)
    given_up = 0
    for run in exhausted:
        with transaction(services.engine) as db:
            is_given_up = operations.cut_off(db, run, actor=SWEEPER, now=services.now())
        if not is_given_up:
            continue
        given_up += 1
        services.meters.gave_up()
        log.warning("run_cut_off", extra={"session": str(run.session_id), "run": str(run.run_id)})
    return given_up


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
        publish(services, run_id)


def _delete_objects(services: Services, held: Iterable[Held]) -> list[Held]:
    """Those whose recording is gone now."""
    return [one for one in _in_time(held) if _is_deleted(services, one.audio_key)]


def _is_deleted(services: Services, key: str) -> bool:
    """Delete an object; False where that is not possible now."""
    try:
        services.storage.delete(key)
    except StorageUnavailable as error:
        log.warning("audio_not_deleted", extra={"code": error.code})
        return False
    return True


def _delete_orphans(services: Services) -> tuple[int, int]:
    """How many went, and how many could not."""
    try:
        orphans = _orphans(services)
    except StorageUnavailable:
        log.warning("orphans_not_listed")
        return 0, 1
    gone = sum(_is_deleted(services, key) for key in _in_time(orphans))
    return gone, len(orphans) - gone


def _continue_jobs(services: Services) -> int:
    """Work on jobs that nobody works on, one after the other, in the time of one kind."""
    ends_at = time.monotonic() + KIND_SECONDS
    with transaction(services.engine) as db:
        abandoned = jobs.abandoned(db, now=services.now(), limit=AT_MOST)
    return sum(bulk.work_off(services, job_id, ends_at=ends_at) for job_id in _in_time(abandoned))


def _orphans(services: Services) -> list[str]:
    """Keys of old recordings behind which no session stands any more."""
    old = services.now() - ORPHAN_AFTER
    named = {
        stored.key: session_id
        for stored in services.storage.objects()
        if stored.modified_at <= old and (session_id := _session_of(stored)) is not None
    }
    with transaction(services.engine) as db:
        known = operations.known_audio(db, list(named.values()))
    return [key for key, session_id in named.items() if session_id not in known][:AT_MOST]


def _session_of(stored: StoredObject) -> UUID | None:
    try:
        return UUID(stored.key.removeprefix(PREFIX))
    except ValueError:
        # Not one of ours: what we did not name we do not delete.
        return None


if __name__ == "__main__":
    configure()
    try:
        print(sweep(Services(Settings())))  # noqa: T201 - the command's answer
    except RostrumError as error:
        sys.exit(error.message)
