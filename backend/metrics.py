"""What Prometheus reads: requests, deliveries and uploads, by outcome."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from backend.paths import PROCESS, UPLOAD

CONFIRM = "/api/sessions/{id}/uploaded"
WAYS = {UPLOAD: "direct", CONFIRM: "presigned"}
ABORTED = "ABORTED"
"""Ended without an answer."""


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

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
