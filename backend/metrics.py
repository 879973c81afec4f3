"""What Prometheus reads: requests, deliveries, uploads; what the pipeline counts; the backlog."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from backend.paths import PROCESS, UPLOAD
from pipeline.backlog import backlog
from pipeline.database.backlog import Backlog
from pipeline.errors import RostrumError
from pipeline.services import Services

CONFIRM = "/api/sessions/{id}/uploaded"
WAYS = {UPLOAD: "direct", CONFIRM: "presigned"}
ABORTED = "ABORTED"
"""Ended without an answer."""
BACKLOG_SECONDS = 5.0
"""So long one look at the database serves every scrape."""
GAUGES = {
    "waiting": ("rostrum_waiting_runs", "Runs that no living worker has in hand; at most 10,000"),
    "oldest_waiting_seconds": (
        "rostrum_oldest_waiting_seconds",
        "How long the first waiting run has waited",
    ),
    "working": ("rostrum_working_sessions", "Sessions that a living worker has in hand"),
    "audio_overdue": ("rostrum_audio_overdue", "Recordings past their purpose; at most 10,000"),
}
"""By the field of `Backlog`; the same from every process, since all ask one database."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, as the log and the metrics see it."""

    method: str
    route: str
    """As it was declared, without ids; `unknown` where a request was refused before routing."""
    path: str
    status: int
    seconds: float
    code: str | None
    """What came of it: the code of an error, or a word for what was done."""


class Metrics:
    """One registry for one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._backlog = _RecentBacklog()
        self._requests = Histogram(
            "rostrum_request_seconds",
            "Time to answer a request; deliveries are minutes, not requests, and stay out",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._delivery_seconds = Histogram(
            "rostrum_delivery_seconds",
            "Time to process a delivery",
            buckets=(0.1, 1, 5, 10, 30, 60, 120, 300, 600, 900),
            registry=self._registry,
        )
        self._deliveries = Counter(
            "rostrum_deliveries",
            "Deliveries of the queue by outcome: COMPLETED, DUPLICATE or an error code",
            ["outcome"],
            registry=self._registry,
        )
        self._uploads = Counter(
            "rostrum_uploads",
            "Recordings offered, by way (direct, presigned) and outcome: STORED, REPEATED or "
            "an error code",
            ["way", "outcome"],
            registry=self._registry,
        )

    def count(self, answered: Answered) -> None:
        """Count and time one request."""
        is_delivery = (answered.method, answered.path) == ("POST", PROCESS)
        if is_delivery:
            self._delivery_seconds.observe(answered.seconds)
            self._deliveries.labels(answered.code or ABORTED).inc()
        else:
            self._requests.labels(answered.method, answered.route, str(answered.status)).observe(
                answered.seconds
            )
        # By path first: what is refused for its size never reaches a route.
        way = WAYS.get(answered.path) or WAYS.get(answered.route)
        if answered.method == "POST" and way is not None:
            self._uploads.labels(way, answered.code or ABORTED).inc()

    def render(self, services: Services) -> bytes:
        """All metrics in Prometheus' text format."""
        standing = CollectorRegistry()
        standing.register(_Standing(self._backlog.of(services)))
        registries = (self._registry, services.meters.registry, standing)
        return b"".join(generate_latest(registry) for registry in registries)


class _Standing:
    """The backlog as gauges; where the database is away, that alone is told."""

    def __init__(self, found: Backlog | None) -> None:
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge."""
        yield GaugeMetricFamily(
            "rostrum_database_up", "Whether Postgres answered: 1 or 0", self._found is not None
        )
        if self._found is None:
            return
        for field, (name, meaning) in GAUGES.items():
            yield GaugeMetricFamily(name, meaning, getattr(self._found, field))


class _RecentBacklog:
    """One look at the database for all scrapes of a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._found: Backlog | None = None

    def of(self, services: Services) -> Backlog | None:
        """The backlog; None where the database does not answer."""
        with self._lock:
            if time.monotonic() - self._looked_at >= BACKLOG_SECONDS:
                self._found = _look(services)
                self._looked_at = time.monotonic()
            return self._found


def _look(services: Services) -> Backlog | None:
    try:
        return backlog(services)
    except RostrumError:
        # Told as `rostrum_database_up 0`: a scrape that failed would hide all other figures.
        return None
