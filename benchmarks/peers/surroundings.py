"""What every engine meets: a Postgres that counts, storage, vendors, and sessions that wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg

from benchmarks.load.surroundings import TALK
from benchmarks.peers.job import Job
from local.child import Started
from local.objects import running_objects
from local.postgres import running_postgres
from pipeline import intake
from pipeline.database import sessions
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.storage import audio_key
from tests.databases import migrate
from tests.folders import open_folder
from tests.standins import running
from tests.world import settings_on

LEARNERS = 20
SECONDS = 89.0
"""Length of the talk."""
QUEUE_DATABASE = "postgres"
"""Where the local queue has its tables: in production it is elsewhere, too."""
LOOK_SECONDS = 0.02
COUNTING = (
    "shared_preload_libraries = 'pg_stat_statements'",
    # BEGIN, COMMIT and SET are not counted.
    "pg_stat_statements.track_utility = off",
    # No checkpoint in a window: whole pages are logged after each.
    "checkpoint_timeout = '1h'",
    "max_wal_size = '8GB'",
)
STATEMENTS = r"""
SELECT datname, sum(calls)::bigint AS calls
  FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
 WHERE query !~ 'AS watched' AND query !~ '^\s*SELECT (\$1|1)?\s*$'
 GROUP BY datname
"""
"""All but ours and pings, by database."""
COMPLETED = """
SELECT count(*) AS watched FROM sessions WHERE learner_id LIKE %s AND status = 'COMPLETED'
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What Postgres has done so far."""

    statements: dict[str, int]
    """By database."""
    wal_bytes: int


class Unfinished(Exception):
    """Sessions did not end in time; the message says how many."""


@dataclass
class Surroundings:
    """All but the engine."""

    settings: Settings
    services: Services
    folder: Path
    pids: dict[str, int]
    """By part."""
    vendors_url: str
    watching: psycopg.Connection

    @property
    def queue_url(self) -> str:
        """The local queue's database."""
        url = self.settings.require("DATABASE_URL")
        return f"{url.rpartition('/')[0]}/{QUEUE_DATABASE}"

    def waiting(self, number: int, *, prefix: str) -> list[Job]:
        """Sessions as an upload leaves them, of learners whose ids begin so: nobody was told."""
        talk = TALK.read_bytes()
        return [self._arrived(talk, f"{prefix}{place % LEARNERS}") for place in range(number)]

    def _arrived(self, talk: bytes, learner_id: str) -> Job:
        services, session_id = self.services, new_id()
        key, now = audio_key(session_id), services.now()
        with TALK.open("rb") as recording:
            services.storage.put(key, recording, content_type="audio/ogg")
        with transaction(services.engine) as db:
            sessions.add_session(
                db,
                session_id=session_id,
                learner_id=learner_id,
                title=None,
                language="en",
                source="app",
                audio={
                    "audio_key": key,
                    "audio_content_type": "audio/ogg",
                    "audio_bytes": len(talk),
                    "duration_seconds": SECONDS,
                },
                actor="upload",
                now=now,
            )
            run_id = intake.begin(db, session_id, actor="upload", now=now)
        return Job(str(session_id), str(run_id), learner_id)

    def wait(self, number: int, *, prefix: str, seconds: float) -> None:
        """Until so many of these learners' sessions are completed.

        Raises:
            Unfinished: they are not, after so many seconds.
        """
        ends_at = time.monotonic() + seconds
        while (done := self.completed(prefix)) < number:
            if time.monotonic() > ends_at:
                raise Unfinished(f"{done} of {number} sessions are completed.")
            time.sleep(LOOK_SECONDS)

    def completed(self, prefix: str) -> int:
        """How many of these learners' sessions are completed."""
        row = self.watching.execute(COMPLETED, [f"{prefix}%"]).fetchone()
        return int(row[0]) if row else 0

    def counts(self) -> Counts:
        """As of now."""
        statements = self.watching.execute(STATEMENTS).fetchall()
        row = self.watching.execute("SELECT pg_current_wal_insert_lsn() - '0/0' AS watched")
        (position,) = row.fetchone() or (0,)
        return Counts({name: int(calls) for name, calls in statements}, int(position))

    def vendor_calls(self) -> int:
        """How often the vendors were asked, both together."""
        asked: dict[str, int] = httpx2.get(f"{self.vendors_url}/calls", trust_env=False).json()
        return sum(asked.values())


@contextmanager
def surroundings(*, vendor_seconds: float) -> Iterator[Surroundings]:
    """Start all of it; each vendor takes so long for an answer."""
    with ExitStack() as opened:
        enter = opened.enter_context
        folder = enter(open_folder())
        pids: dict[str, int] = {}

        def known_as(name: str) -> Started:
            return lambda process, _log: pids.__setitem__(name, process.pid)

        cluster = folder / "postgres"
        cluster.mkdir()
        cluster.chmod(0o711)
        with running_postgres(cluster) as url, _connected(url) as first:
            for setting in COUNTING:
                first.execute(f"ALTER SYSTEM SET {setting}".encode())
        url = enter(running_postgres(cluster, started=known_as("Postgres")))
        watching = enter(_connected(url))
        watching.execute("CREATE EXTENSION pg_stat_statements")
        migrate(url)
        objects = enter(running_objects(folder / "objects", started=known_as("object store")))
        vendors = enter(
            running(
                "benchmarks.instant_vendors",
                f"--seconds={vendor_seconds}",
                log=folder / "vendors.log",
                started=known_as("vendors"),
            )
        )
        settings = settings_on(
            database_url=url, objects=objects, whisper_url=vendors.url, analyst_url=vendors.url
        )
        services = Services(settings)
        opened.callback(services.close)
        yield Surroundings(settings, services, folder, pids, vendors.url, watching)


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
