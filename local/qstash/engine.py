"""The job library's side: one owner of the database, its schema, and workers that stay up."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager

from local.qstash.delivery import FLOW, FREE
from local.qstash.tables import SCHEMA, TABLES

OWNER_LOCK = 0x05_7A_54
OWNING_SECONDS = 1.0
"""How long a lock is waited for: Postgres may notice a moment late that its holder was killed.
And how often we look whether it is ours still."""
AGAIN_SECONDS = 0.5
POOL_SIZE = 10
SHUTDOWN_SECONDS = 2.0
AT_ONCE = {FLOW: 500, FREE: 50}
"""Jobs in hand for each queue; of those under flow control most only wait for their turn."""
SEARCH_PATH = f"-c search_path={SCHEMA} -c application_name=local-qstash"

log = logging.getLogger(__name__)


class Taken(Exception):
    """Another server owns the database; the message is for a person."""


class Owner:
    """The one server of a database, by a lock that ends with its connection.

    So whatever job is under way when we begin is left over from a server that is gone.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def hold(self) -> psycopg.Connection:
        """Make sure that we own the database, over a new connection where the old one broke.

        Raises:
            Taken: another server has it.
            psycopg.OperationalError: the database does not answer.
        """
        with self._turn:
            if self._connection is None or not _is_alive(self._connection):
                self._connection = self._take()
            return self._connection

    def _take(self) -> psycopg.Connection:
        connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=5, options=SEARCH_PATH
        )
        deadline = time.monotonic() + OWNING_SECONDS
        while True:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [OWNER_LOCK]).fetchone()
            if row and row[0]:
                return connection
            if time.monotonic() > deadline:
                connection.close()
                raise Taken("Another local QStash server owns this database. Stop it first.")
            time.sleep(0.05)


def _is_alive(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def prepare(connection: psycopg.Connection) -> None:
    """Make the schema and its tables where they are missing, all of it or nothing."""
    with connection.transaction():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        connection.execute(TABLES)
        known = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
        if known is None or known[0] is None:
            connection.execute(SchemaManager.get_schema().encode())


def make_app(url: str) -> App:
    """The job library on our schema; not open yet."""
    connector = PsycopgConnector(conninfo=url, kwargs={"options": SEARCH_PATH}, max_size=POOL_SIZE)
    return App(connector=connector)


class Workers:
    """One worker for each queue, started again whenever one ends."""

    def __init__(self, jobs: App, owner: Owner) -> None:
        self._jobs = jobs
        self._owner = owner
        self._up: set[str] = set()

    @property
    def are_up(self) -> bool:
        """Whether messages are being delivered."""
        return len(self._up) == len(AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver for as long as the block lasts."""
        work = [
            asyncio.create_task(self._keep_owning()),
            *(asyncio.create_task(self._keep_working(queue)) for queue in AT_ONCE),
        ]
        try:
            yield
        finally:
            for task in work:
                task.cancel()
            # Bounded: when Postgres went first, the workers cannot say goodbye to it.
            await asyncio.wait(work, timeout=SHUTDOWN_SECONDS)

    async def _keep_owning(self) -> None:
        """End the server when its database belongs to another one."""
        while True:
            await asyncio.sleep(OWNING_SECONDS)
            try:
                await asyncio.to_thread(self._owner.hold)
            except Taken as taken:
                log.error("owner_lost %s", taken)  # noqa: TRY400 - the sentence says it all
                signal.raise_signal(signal.SIGTERM)
            except psycopg.OperationalError as error:
                # While the database is away, nobody can own it.
                log.warning("owner_waits %s", type(error).__name__)

    async def _keep_working(self, queue: str) -> None:
        while True:
            try:
                await asyncio.to_thread(self._owner.hold)
                await self._work(queue)
            except Exception as error:  # noqa: BLE001 - a queue that stands still helps nobody
                log.warning("worker_stopped %s %s %s", queue, type(error).__name__, error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _work(self, queue: str) -> None:
        await self._recover(queue)
        self._up.add(queue)
        try:
            await self._jobs.run_worker_async(
                queues=[queue], concurrency=AT_ONCE[queue], **_options()
            )
        finally:
            self._up.discard(queue)

    async def _recover(self, queue: str) -> None:
        """Hand back what an earlier worker of this queue held.

        At once, not after the library's half minute without a heartbeat: we are the only ones.
        """
        left = await self._jobs.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=0)
        for job in left:
            await self._jobs.job_manager.retry_job(job)


def _options() -> dict[str, Any]:
    """How both workers run."""
    return {
        "install_signal_handlers": False,
        "listen_notify": True,
        # Delays are kept to a fifth of a second.
        "fetch_job_polling_interval": 0.2,
        "delete_jobs": "successful",
        "shutdown_graceful_timeout": 1.0,
    }
