"""Who calls, as locust runs them: learners who record, an app that reads, coaches who look.

    python -m locust -f benchmarks/load/people.py --headless …    (`benchmarks/load/window.py`)

Learners send a recording, ask every few seconds what became of it, and record again when it is
`COMPLETED`. What was counted before the window begins is forgotten, and all end with it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.env import Environment

from benchmarks.load.opening import open_page
from benchmarks.load.order import Order

ORDER = Order.from_json(os.environ["LOAD_ORDER"])
TALK = Path(ORDER.recording).read_bytes()
LEARNERS = itertools.count(1)
OWN_NAME = "/api/sessions/{id}"

chance = random.Random(1)  # noqa: S311 - which session is looked at next, no secret


def about(seconds: float) -> Any:
    """Wait so long on average.

    In step, all would ask in one moment once uploads had held them up, and what was measured
    would be that crowd.
    """
    return between(0.5 * seconds, 1.5 * seconds)


class _Caller(FastHttpUser):
    """Somebody with the API's token."""

    abstract = True
    host = ORDER.api_url
    default_headers = {"Authorization": f"Bearer {ORDER.api_token}"}  # noqa: RUF012 - locust's own


class Learner(_Caller):
    """Records, waits for the feedback, records again."""

    fixed_count = ORDER.learners
    wait_time = about(ORDER.learner_seconds)

    def on_start(self) -> None:
        """Nothing is recorded yet."""
        self.learner_id = f"{ORDER.learner_prefix}{next(LEARNERS)}"
        self.waits_for: str | None = None

    @task
    def next_step(self) -> None:
        """Send a recording, or ask after the one that was sent."""
        if self.waits_for is None:
            self.waits_for = self._send()
        elif self._status_of(self.waits_for) == "COMPLETED":
            self.waits_for = None

    def _send(self) -> str | None:
        with self.client.post(
            "/api/sessions",
            data={"userId": self.learner_id},
            files={"audio": ("talk.ogg", TALK)},
            catch_response=True,
        ) as answer:
            if answer.status_code != 201:  # noqa: PLR2004 - HTTP's "created"
                answer.failure(f"{answer.status_code} for a recording")
                return None
            return str(answer.json()["id"])

    def _status_of(self, session_id: str) -> str:
        with self.client.get(
            f"/api/sessions/{session_id}", name=OWN_NAME, catch_response=True
        ) as answer:
            if not answer.ok:
                return ""
            session = answer.json()
            if session["status"] == "FAILED":
                answer.failure(f"FAILED {session['error']['code']}")
            return str(session["status"])


class App(_Caller):
    """Reads lists and sessions, as the company's app does for all its learners."""

    fixed_count = ORDER.readers
    wait_time = about(ORDER.reader_seconds)

    def on_start(self) -> None:
        """Nothing is known yet."""
        self.known: list[dict[str, Any]] = []

    @task
    def read(self) -> None:
        """The newest sessions, those of one learner, or one of them whole."""
        which = chance.randrange(3) if self.known else 0
        if which == 0:
            self.known = self.client.get("/api/sessions", name="/api/sessions").json()["sessions"]
        elif which == 1:
            learner = chance.choice(self.known)["userId"]
            self.client.get(f"/api/sessions?userId={learner}", name="/api/sessions?userId")
        else:
            session = chance.choice(self.known)["id"]
            self.client.get(f"/api/sessions/{session}", name=OWN_NAME)


class Coach(_Caller):
    """Opens pages of the dashboard."""

    fixed_count = ORDER.coaches
    wait_time = about(ORDER.coach_seconds)

    def on_start(self) -> None:
        """Begin each at another page."""
        self.turn = chance.randrange(4)

    @task
    def open_next_page(self) -> None:
        """One page after the other: list, a session, its learner, operations."""
        self.turn += 1
        page = ("", "session", "learner", "operations")[self.turn % 4]
        query: dict[str, str] = {}
        if page in {"session", "learner"}:
            shown = ORDER.sessions_shown[self.turn % len(ORDER.sessions_shown)]
            query = {"id": shown[page]}
        begun = time.perf_counter()
        failure: Exception | None = None
        received = 0
        try:
            received = open_page(ORDER.dashboard_url, page, **query)
        except Exception as error:  # noqa: BLE001 - locust counts it
            failure = error
        self.environment.events.request.fire(
            request_type="PAGE",
            name=page or "sessions",
            response_time=1000 * (time.perf_counter() - begun),
            response_length=received,
            exception=failure,
            context={},
        )


def keep_to_the_window(environment: Environment, **_more: object) -> None:
    """Count from the window's beginning to its end, then stop."""

    def forget_then_stop() -> None:
        time.sleep(ORDER.begins_at - time.time())
        environment.stats.reset_all()
        time.sleep(ORDER.ends_at - time.time())
        if environment.runner is not None:
            environment.runner.quit()

    # Locust has made threads and their sleep those of gevent.
    threading.Thread(target=forget_then_stop, daemon=True).start()


def write_down(environment: Environment, **_more: object) -> None:
    """Leave what was counted for who ordered it."""
    counted = {
        "requests": [
            {
                "method": entry.method,
                "name": entry.name,
                "asked": entry.num_requests,
                "failed": entry.num_failures,
                "milliseconds": entry.response_times,
            }
            for entry in environment.stats.entries.values()
        ],
        "errors": [
            f"{error.occurrences} times {error.to_name()}"
            for error in environment.stats.errors.values()
        ],
    }
    Path(ORDER.results).write_text(json.dumps(counted))


events.test_start.add_listener(keep_to_the_window)  # type: ignore[no-untyped-call] # locust's own
events.quitting.add_listener(write_down)  # type: ignore[no-untyped-call] # locust's own
