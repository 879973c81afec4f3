"""How the work goes, for those who operate it: a constant number of bounded queries."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pipeline.bulk import MOST_SESSIONS
from pipeline.database import figures
from pipeline.database.engine import transaction
from pipeline.services import Services
from pipeline.workload import DayVolume, FailureGroup, Window, Workload

DAYS = 14


def workload(services: Services, window: Window) -> Workload:
    """What is to be done now, and what was done within `window`."""
    now = services.now()
    retention = timedelta(hours=services.settings.audio_retention_hours)
    with transaction(services.engine) as db:
        return Workload(
            at=now,
            standing=figures.standing(db, now=now, retention=retention),
            throughput=figures.throughput(db, since=now - window.length),
            last_sweep=figures.last_sweep(db),
        )


def failures(services: Services) -> tuple[FailureGroup, ...]:
    """What stands failed, the newest `MOST_FAILED` of it, by code, most frequent first."""
    with transaction(services.engine) as db:
        return figures.failures(db)


def volumes(services: Services) -> tuple[DayVolume, ...]:
    """What the last days brought, today included, oldest first; no day is left out."""
    with transaction(services.engine) as db:
        return figures.volumes(db, now=services.now(), days=DAYS)


def rerunnable(services: Services, code: str) -> tuple[UUID, ...]:
    """Sessions that failed with `code` and that another run may mend, oldest first.

    As many as one job takes; the rest is there the next time.
    """
    with transaction(services.engine) as db:
        return tuple(figures.rerunnable(db, code, limit=MOST_SESSIONS))
