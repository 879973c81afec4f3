"""What Prometheus reads: requests, deliveries and uploads, by outcome."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest


class Metrics:
    """One registry for one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "rostrum_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
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
            "Recordings taken, by way: direct or presigned",
            ["way"],
            registry=self._registry,
        )

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one request."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def delivery(self, outcome: str) -> None:
        """Count one delivery."""
        self._deliveries.labels(outcome).inc()

    def upload(self, way: str) -> None:
        """Count one upload."""
        self._uploads.labels(way).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
