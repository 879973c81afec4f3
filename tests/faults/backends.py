"""A backend and its queue as processes that a test kills, pauses and starts again in place."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row
from sqlalchemy import text

from local.child import Started
from local.ports import free_port
from pipeline.database.engine import transaction
from pipeline.settings import Settings
from pipeline.status import Status
from pipeline.sweep import SweepReport, sweep
from tests.backend.live import Live, eventually, running_backend
from tests.local.queueing import sdk
from tests.standins import StandIn
from tests.world import World

Running = TypeVar("Running")

LEASE_SECONDS = 2
RETRY_MILLISECONDS = 3000
"""Longer than a lease and than a backend takes to start: a retry finds both out of its way."""
LOST = timedelta(minutes=61)
"""So far ahead the sweeper takes everything for lost that has not come to its end."""
SECONDS_TO_END = 20
SECONDS_TO_SETTLE = 120
MOST_SWEEPS = 23
"""In less than a day: no recording that is kept for a re-run goes."""


class Server(Generic[Running]):
    """A server in a process of its own, at the same address each time that it is started."""

    def __init__(self, running: Callable[[Started], AbstractContextManager[Running]]) -> None:
        self._running = running
        self._held = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._now: Running | None = None

    @property
    def now(self) -> Running:
        """What the server offers while it runs."""
        assert self._now is not None, "it was never started"
        return self._now

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its newest process."""
        assert self._process is not None, "it was never started"
        return self._process

    def start(self) -> Running:
        """Start it, and wait until it is healthy."""
        self._now = self._held.enter_context(self._running(self._note))
        return self._now

    def _note(self, process: subprocess.Popen[bytes], _log: Path) -> None:
        self._process = process

    def kill(self) -> None:
        """`kill -9`: it has no chance to do anything more."""
        self.process.kill()
        self.process.wait()
        self._held.close()

    def stop(self) -> None:
        """Stop it in its own orderly way, and wait until it is gone."""
        self._held.close()

    def restart(self) -> None:
        """`kill -9`, and start again."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and does not know."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, *, within: float) -> int:
        """SIGTERM, as a platform stops a container; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(within)
        self._held.close()
        return status


def backend_at(settings: Settings, log: Path) -> Server[Live]:
    """A backend at the address that its APP_URL names; not started yet."""
    port = urlsplit(settings.app_url).port
    return Server(lambda started: running_backend(settings, log, port=port, started=started))


def own_address() -> str:
    """An APP_URL that nobody has."""
    return f"http://127.0.0.1:{free_port()}"


@dataclass(frozen=True)
class Site:
    """A backend that the queue delivers to, and the world that both work on."""

    world: World
    backend: Server[Live]
    queue: StandIn

    @classmethod
    def at(cls, world: World, queue: StandIn, log: Path, **changed: Any) -> Site:
        """A site whose backend is not started yet."""
        usual = {
            "lease_seconds": LEASE_SECONDS,
            "queue_retry_delay": str(RETRY_MILLISECONDS),
            "app_url": own_address(),
            "qstash_url": queue.url,
        }
        placed = world.with_settings(**{**usual, **changed})
        return cls(placed, backend_at(placed.services.settings, log), queue)

    def status(self, session_id: UUID) -> Status:
        """Where a session stands."""
        return self.world.detail(session_id).row.status

    def wait_for(
        self, session_id: UUID, status: Status, *, seconds: float = SECONDS_TO_END
    ) -> None:
        """Wait until the session stands there."""
        eventually(lambda: self.status(session_id) is status, seconds=seconds)

    def cancel_messages(self) -> None:
        """The queue forgets what it was told to deliver."""
        with sdk(self.queue.url) as client:
            client.message.cancel_all()

    def sweep_ahead(self) -> SweepReport:
        """Sweep at a time when whatever waits has waited too long."""
        self.world.clock.move(seconds=LOST.total_seconds())
        return sweep(self.world.services)

    def wait_for_leases_to_end(self) -> None:
        """Wait, in real time, until no dead worker's lease is in the way."""
        eventually(partial(_no_lease_lives, self.world))


def _no_lease_lives(world: World) -> bool:
    return _sessions(world, "lease_expires_at > now()") == 0


def _sessions(world: World, condition: str) -> int:
    """How many sessions there are of which this holds."""
    query = f"SELECT count(*) FROM sessions WHERE {condition}"  # noqa: S608 - our own words
    with transaction(world.services.engine) as db:
        return int(db.scalar(text(query)) or 0)


def completed(world: World) -> int:
    """How many sessions are done."""
    return _sessions(world, "status = 'COMPLETED'")


def undelivered(queue_database: str) -> int:
    """How many messages the local QStash has yet to bring to the backend, or to bring again."""
    query = (
        "SELECT count(*) FROM qstash.messages"
        " WHERE state = 'ACTIVE' AND draft->>'destination' LIKE '%/api/internal/process'"
    )
    plain = queue_database.replace("+psycopg", "")
    with psycopg.connect(plain, row_factory=scalar_row) as connection:
        return int(connection.execute(query).fetchone() or 0)


def sweep_until_nothing_moves(site: Site, queue_database: str) -> int:
    """Let the queue finish, sweep with a clock ahead, and so on; how many sweeps it took."""
    for number in range(1, MOST_SWEEPS):
        eventually(lambda: not undelivered(queue_database), seconds=SECONDS_TO_SETTLE)
        unfinished = _sessions(site.world, "status NOT IN ('COMPLETED', 'FAILED') OR will_retry")
        if not any(asdict(site.sweep_ahead()).values()) and not unfinished:
            return number
    raise AssertionError("the sweeper never came to an end")
