"""One window of load: call for some time, let what was begun end, then count what became of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load.deliveries import Told, told_by
from benchmarks.load.order import Order
from benchmarks.load.surroundings import TALK, TOKEN, Surroundings
from benchmarks.load.usage import BACKEND, Usage, Watching
from local.child import start, stop
from pipeline.status import Status
from tests.backend.live import Live

CALLERS_SECONDS = 4.0
"""Until locust has started."""
DRAIN_SECONDS = 180.0
LOOK_SECONDS = 1.0
SPARE_LEARNERS = 12
"""Beside a quarter more than are processed at once: some are always about to record."""


@dataclass
class Asked:
    """One address as locust saw it."""

    number: int
    failed: int
    milliseconds: Counter[float]


@dataclass
class Window:
    """What came of a window."""

    at_once: int
    """Deliveries allowed at once."""
    seconds: float
    asked: dict[str, Asked]
    """By method and name."""
    told: Told
    usage: Usage
    sessions: int
    """Sent by learners, before and in the window."""
    errors: list[str] = field(default_factory=list)
    """Whatever is not as it must be, a sentence each."""

    @property
    def reads(self) -> Counter[float]:
        """All `GET` of the API together, by milliseconds."""
        return self._milliseconds("GET ")

    @property
    def uploads(self) -> Counter[float]:
        """By milliseconds."""
        return self._milliseconds("POST ")

    @property
    def pages(self) -> Counter[float]:
        """Of the dashboard, by milliseconds."""
        return self._milliseconds("PAGE ")

    @property
    def sessions_a_minute(self) -> float:
        """Completed."""
        return 60 * self.told.deliveries.total() / self.seconds

    @property
    def at_once_on_average(self) -> float:
        """Deliveries that were under way (Little's law)."""
        return self.told.busy_seconds / self.seconds

    def _milliseconds(self, begin: str) -> Counter[float]:
        together: Counter[float] = Counter()
        for name, asked in self.asked.items():
            if name.startswith(begin):
                together.update(asked.milliseconds)
        return together


def measure(around: Surroundings, *, at_once: int, seconds: float, warm_seconds: float) -> Window:
    """Put a new backend under load; the first `warm_seconds` are not counted."""
    prefix = f"load-{at_once}-{time.monotonic_ns()}-"
    with around.backend(at_once=at_once) as live:
        around.reset_vendors()
        begins_at = time.time() + CALLERS_SECONDS + warm_seconds
        order = Order(
            api_url=live.url,
            api_token=TOKEN,
            dashboard_url=around.dashboard_url,
            recording=str(TALK),
            results=str(around.folder / "callers.json"),
            learner_prefix=prefix,
            learners=at_once + at_once // 4 + SPARE_LEARNERS,
            sessions_shown=around.shown(20),
            begins_at=begins_at,
            ends_at=begins_at + seconds,
        )
        usage = _call(around, live, order)
        _drain(around, prefix)
        told = told_by(live.log, begins_at=order.begins_at, ends_at=order.ends_at)
    counted = json.loads(Path(order.results).read_text())
    window = Window(
        at_once=at_once,
        seconds=seconds,
        asked={f"{one['method']} {one['name']}": _asked(one) for one in counted["requests"]},
        told=told,
        usage=usage,
        sessions=0,
        errors=list(counted["errors"]),
    )
    _judge(around, window, prefix)
    return window


def _call(around: Surroundings, live: Live, order: Order) -> Usage:
    """Let locust call; what each part took within the window."""
    log = around.folder / "callers.log"
    command = [sys.executable, "-m", "locust", "-f", "benchmarks/load/people.py", "--headless"]
    users = ["--users", str(order.people), "--spawn-rate", str(order.people), "--only-summary"]
    callers = start(
        [*command, *users, "--stop-timeout", "10"],
        log=log,
        env={**os.environ, "LOAD_ORDER": order.as_json()},
    )
    try:
        time.sleep(max(0.0, order.begins_at - time.time()))
        parts = {**around.pids, BACKEND: live.pid, "locust": callers.pid}
        watching = Watching(parts)
        while time.time() < order.ends_at and callers.poll() is None:
            watching.look()
            # At the end itself: locust ends then, and its time is lost with it.
            time.sleep(min(LOOK_SECONDS, max(0.0, order.ends_at - time.time())))
        usage = watching.end()
        callers.wait(60)
    except subprocess.TimeoutExpired as error:
        raise CallersFailed(log.read_text()) from error
    finally:
        stop(callers)
    if not Path(order.results).exists():
        raise CallersFailed(log.read_text())
    return usage


class CallersFailed(Exception):
    """Locust did not call to the end; the message is what it said."""


def _drain(around: Surroundings, prefix: str) -> None:
    """Wait until every session that was sent is at its end."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        by_status, _ = around.outcome(prefix)
        if not set(by_status) - {Status.COMPLETED, Status.FAILED}:
            return
        time.sleep(LOOK_SECONDS)


def _asked(one: dict[str, Any]) -> Asked:
    return Asked(
        one["asked"],
        one["failed"],
        Counter({float(ms): number for ms, number in one["milliseconds"].items()}),
    )


def _judge(around: Surroundings, window: Window, prefix: str) -> None:
    """Each session is COMPLETED after one attempt, each vendor was called once for it."""
    by_status, attempts = around.outcome(prefix)
    sessions = window.sessions = sum(by_status.values())
    errors = window.errors
    for status, number in by_status.items():
        if status != Status.COMPLETED:
            errors.append(f"{number} sessions are {status}")
    if attempts != sessions:
        errors.append(f"{attempts} attempts for {sessions} sessions")
    for name, vendor in (("Whisper", around.whisper), ("Claude", around.analyst)):
        calls = len(vendor.calls())
        if calls != sessions:
            errors.append(f"{name} was called {calls} times for {sessions} sessions")
    for code, number in window.told.codes.items():
        if code != "COMPLETED":
            errors.append(f"{number} deliveries ended as {code}")
    if window.told.server_errors:
        errors.append(f"{window.told.server_errors} answers of 500 or above")
