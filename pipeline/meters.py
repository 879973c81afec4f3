"""What the pipeline counts while it works, for Prometheus. Every label has few possible values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.errors import Permanent, Transient
from pipeline.status import Stage

SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 240, 600, 900)
"""Edges of the histograms: a deletion takes milliseconds, a long recording minutes."""
TOLD, NOT_TOLD, GIVEN_UP = "told", "not_told", "given_up"


class Meters:
    """One set for one `Services`; safe to share between threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "rostrum_stage_seconds",
            "Time that a stage of a delivery took, by how it ended: done or failed",
            ["stage", "ended"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._failures = Counter(
            "rostrum_attempts_failed",
            "Attempts that failed, by code",
            ["code"],
            registry=self.registry,
        )
        self._retries = Counter(
            "rostrum_retries",
            "Failed attempts that the queue brings again, by code",
            ["code"],
            registry=self.registry,
        )
        self._dead_letters = Counter(
            "rostrum_dead_letters",
            "Runs that the queue or the sweeper gave up",
            registry=self.registry,
        )
        self._lost_leases = Counter(
            "rostrum_lease_losses",
            "Deliveries whose session was taken over by another worker meanwhile",
            registry=self.registry,
        )
        self._unpublished = Counter(
            "rostrum_publish_failures",
            "Runs that the queue did not take; the sweeper tries them again",
            ["code"],
            registry=self.registry,
        )
        self._tokens = Counter(
            "rostrum_analysis_tokens",
            "Tokens of analyses that were kept, by kind: read, written, cache_read, cache_write",
            ["kind"],
            registry=self.registry,
        )
        self._cost = Counter(
            "rostrum_analysis_cost_usd",
            "US dollars of analyses that were kept, by our own table of prices",
            registry=self.registry,
        )
        self._unpriced = Counter(
            "rostrum_analyses_unpriced",
            "Analyses that were kept and whose price is not known",
            registry=self.registry,
        )
        self._transcribed = Counter(
            "rostrum_transcribed_seconds",
            "Seconds of recordings whose transcript was kept",
            registry=self.registry,
        )
        self._notices = Counter(
            "rostrum_notices",
            "Tries to tell the company's app of the end of a run, by outcome: told, not_told, or "
            "given_up where it was the last",
            ["outcome"],
            registry=self.registry,
        )
        self._swept = Gauge(
            "rostrum_last_sweep_timestamp_seconds",
            "When this process last swept to the end; 0: not yet",
            registry=self.registry,
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Make every series at once: Prometheus sees no increase in one that begins with 1."""
        for stage in Stage:
            for ended in ("done", "failed"):
                self._stages.labels(stage, ended)
        for outcome in (TOLD, NOT_TOLD, GIVEN_UP):
            self._notices.labels(outcome)
        failures = [*Transient.__subclasses__(), *Permanent.__subclasses__()]
        for code in {failure.code for failure in failures}:
            for counter in (self._failures, self._retries, self._unpublished):
                counter.labels(code)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Time a stage."""
        begun, ended = time.perf_counter(), "failed"
        try:
            yield
            ended = "done"
        finally:
            self._stages.labels(stage, ended).observe(time.perf_counter() - begun)

    def failed(self, code: str, *, will_retry: bool) -> None:
        """Count an attempt that failed."""
        self._failures.labels(code).inc()
        if will_retry:
            self._retries.labels(code).inc()

    def gave_up(self) -> None:
        """Count a run that no delivery comes for any more."""
        self._dead_letters.inc()

    def lost_lease(self) -> None:
        """Count a worker that was overtaken."""
        self._lost_leases.inc()

    def not_published(self, code: str) -> None:
        """Count a run that the queue did not take."""
        self._unpublished.labels(code).inc()

    def transcribed(self, seconds: float) -> None:
        """Count a recording's length."""
        self._transcribed.inc(seconds)

    def analyzed(self, tokens: dict[str, int], cost_usd: Decimal | None) -> None:
        """Count what an analysis took: tokens by kind, and dollars where they are known."""
        for kind, number in tokens.items():
            self._tokens.labels(kind).inc(number)
        if cost_usd is None:
            self._unpriced.inc()
        else:
            self._cost.inc(float(cost_usd))

    def noticed(self, outcome: str) -> None:
        """Count a try to tell the company's app: `TOLD`, `NOT_TOLD` or `GIVEN_UP`."""
        self._notices.labels(outcome).inc()

    def swept(self) -> None:
        """Note that a sweep went to its end."""
        self._swept.set_to_current_time()
