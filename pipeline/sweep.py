"""The sweeper: finishes what a crash left. Every action is bounded, logged and idempotent.

`python -m pipeline.sweep` sweeps once and prints what it did.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from pipeline import bulk, notify, retention
from pipeline.database import bulk as jobs
from pipeline.database import operations, sessions
from pipeline.database import retention as kept
from pipeline.database.engine import transaction
from pipeline.database.operations import Waiting
from pipeline.errors import QueueUnavailable, RateLimited, RostrumError, StorageUnavailable
from pipeline.log_lines import configure
from pipeline.publication import publish
from pipeline.retention import AT_MOST, KIND_SECONDS, delete_objects, in_time, is_deleted
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.storage import PREFIX, StoredObject
from pipeline.workspace import clear_abandoned

ORPHAN_AFTER = timedelta(hours=2)
"""Younger objects may belong to an upload that is about to commit."""

SWEEPER = "sweeper"
"""The actor of what nobody asked for."""

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
    words_removed: int
    """Sessions whose words went: refused by their learner, or past their time."""
    sessions_deleted: int
    """Finished sessions past their time, deleted whole."""
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
    expired, unexpired = _expire(services)
    deleted, undeleted = retention.delete_overdue_audio(services)
    wordless = retention.remove_words(services)
    outlived, undying = retention.delete_old_sessions(services)
    orphans, hidden = _delete_orphans(services)
    told, untold = notify.tell(services)
    continued = _continue_jobs(services)
    report = SweepReport(
        published=published,
        resumed=resumed,
        given_up=given_up,
        expired=expired,
        audio_deleted=deleted,
        words_removed=wordless,
        sessions_deleted=outlived,
        orphans_deleted=orphans,
        told=told,
        jobs_continued=continued,
        failures=refused + unexpired + undeleted + undying + hidden + untold,
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
    became = Counter(_hand_over(services, run) for run in in_time(waiting))
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


def _give_up(services: Services) -> int:
    with transaction(services.engine) as db:
        exhausted = operations.exhausted_runs(db, now=services.now(), limit=AT_MOST)
    given_up = 0
    for run in exhausted:
        with transaction(services.engine) as db:
            is_given_up = operations.cut_off(db, run, actor=SWEEPER, now=services.now())
            kept.settle(db, run.session_id, now=services.now())
        if not is_given_up:
            continue
        given_up += 1
        services.meters.gave_up()
        log.warning("run_cut_off", extra={"session": str(run.session_id), "run": str(run.run_id)})
    return given_up


def _expire(services: Services) -> tuple[int, int]:
    with transaction(services.engine) as db:
        abandoned = operations.abandoned_sessions(db, now=services.now(), limit=AT_MOST)
    gone = delete_objects(services, abandoned)
    for held in gone:
        with transaction(services.engine) as db:
            sessions.remove(db, held.session_id)
    return len(gone), len(abandoned) - len(gone)


def _delete_orphans(services: Services) -> tuple[int, int]:
    """How many went, and how many could not."""
    try:
        orphans = _orphans(services)
    except StorageUnavailable:
        log.warning("orphans_not_listed")
        return 0, 1
    gone = sum(is_deleted(services, key) for key in in_time(orphans))
    return gone, len(orphans) - gone


def _continue_jobs(services: Services) -> int:
    """Work on jobs that nobody works on, one after the other, in the time of one kind."""
    ends_at = time.monotonic() + KIND_SECONDS
    with transaction(services.engine) as db:
        abandoned = jobs.abandoned(db, now=services.now(), limit=AT_MOST)
    return sum(bulk.work_off(services, job_id, ends_at=ends_at) for job_id in in_time(abandoned))


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
