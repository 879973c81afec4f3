"""How the work goes, in figures: what waits, what was done in a window, what failed and why.

Times are in UTC; `*_seconds`, `p50` and `p95` are seconds; money is in US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pipeline.status import Stage

MOST_FAILED = 10_000
"""So many sessions that stand failed are grouped, the newest."""


class Window(StrEnum):
    """How far back figures of what was done look."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def length(self) -> timedelta:
        """Until now."""
        return timedelta(**{f"{self}s": 1})


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be done at this moment."""

    waiting: int
    """Runs that no delivery has reached yet."""
    oldest_waiting: datetime | None
    """When the one that waits longest was asked for; None: none waits."""
    running: int
    between_attempts: int
    """Failed for now: the queue brings them again."""
    stuck: int
    """Those that the sweeper should have gone on with, or removed, by now."""
    audio_overdue: int
    """Recordings past their purpose that are stored still."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a stage of the work took."""

    stage: Stage
    count: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was done within a window."""

    completed: int
    """Runs that ended so, as in the two below."""
    failed: int
    superseded: int
    """Given up because a newer run was asked for."""
    retries: int
    """Attempts of all these beyond their first."""
    spent: Decimal
    """On analyses; nobody writes down what transcriptions cost."""
    unpriced: int
    """Analyses whose model has no known price: they are not in `spent`."""
    stages: tuple[StageTime, ...]
    """In the order of the work; stages that did not end in the window are left out."""
    is_sampled: bool
    """There were so many events that the stages' times are of the newest alone."""

    @property
    def success_share(self) -> float | None:
        """Completed of all that came to an end, 0–1; None: nothing did."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Sessions that stand failed with one code."""

    code: str
    sentence: str
    """Of the newest of them."""
    count: int
    newest: datetime
    will_retry: int
    """Of them, those that the queue brings again by itself."""
    rerunnable: int
    """Of them, those that another run may mend: it can be tried at once."""


@dataclass(frozen=True, slots=True)
class DayVolume:
    """The sessions that came on one day (UTC), by where they stand now."""

    day: date
    completed: int
    failed: int
    under_way: int
    """Neither: still announced, waiting or worked on."""

    @property
    def total(self) -> int:
        """All that came."""
        return self.completed + self.failed + self.under_way


@dataclass(frozen=True, slots=True)
class LastSweep:
    """What the newest sweep did."""

    finished_at: datetime
    took_seconds: float
    did: Mapping[str, int]
    """Kind of action → how often."""


@dataclass(frozen=True, slots=True)
class Workload:
    """All figures of one moment."""

    at: datetime
    standing: Standing
    throughput: Throughput
    last_sweep: LastSweep | None
    """None: none has ended within a week."""
