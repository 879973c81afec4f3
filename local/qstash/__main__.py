"""`python -m local.qstash --port 9101 --database-url postgresql://…`: the server itself.

Token and signing keys come from QSTASH_TOKEN, QSTASH_CURRENT_SIGNING_KEY and
QSTASH_NEXT_SIGNING_KEY. One server owns a database: it takes a lock, and hands back at once
what a killed one held.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import uvicorn
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from local.faults import Faults
from local.qstash import schedules, store
from local.qstash.api import Keys, routes
from local.qstash.delivery import Courier, options, recover
from local.qstash.store import Connection

WAITING_AT_ONCE = 500
"""Messages under flow control that are in hand, waiting for their turn or under way."""
FREE_AT_ONCE = 50
OWNER_LOCK = 0x05_7A_54
POOL_SIZE = 10
SHUTDOWN_SECONDS = 2.0


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.qstash", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # It reports each failed attempt as an error of its own; our events say what happened.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    url = (arguments.database_url or "").replace("postgresql+psycopg://", "postgresql://")
    if not url:
        _refuse("Name the database by --database-url or DATABASE_URL.")
    keys = _keys()
    app = Starlette(routes=routes(), lifespan=lambda app: _lifespan(app, url, keys))
    uvicorn.run(
        Faults(app),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


def _keys() -> Keys:
    names = ("QSTASH_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        _refuse(f"Missing required environment variables: {', '.join(missing)}")
    return Keys(*(os.environ[name] for name in names))


def _refuse(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


@asynccontextmanager
async def _lifespan(app: Starlette, url: str, keys: Keys) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as owner:
        await _own(owner)
        await _make_schema(owner)
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=POOL_SIZE,
            open=False,
            kwargs={"options": f"-c search_path={store.SCHEMA}", "row_factory": dict_row},
        )
        async with pool:
            await _apply_tables(pool, url)
            async with _delivering(app, pool, url, keys):
                yield


async def _own(owner: psycopg.AsyncConnection) -> None:
    cursor = await owner.execute("SELECT pg_try_advisory_lock(%s)", [OWNER_LOCK])
    row = await cursor.fetchone()
    if not row or not row[0]:
        _refuse("Another local QStash server owns this database. Stop it first.")


async def _make_schema(owner: psycopg.AsyncConnection) -> None:
    await owner.execute(f"CREATE SCHEMA IF NOT EXISTS {store.SCHEMA}".encode())


def _jobs(url: str) -> App:
    connector = PsycopgConnector(
        conninfo=url, kwargs={"options": f"-c search_path={store.SCHEMA}"}, max_size=POOL_SIZE
    )
    return App(connector=connector)


async def _apply_tables(pool: AsyncConnectionPool[Connection], url: str) -> None:
    async with pool.connection() as db:
        cursor = await db.execute("SELECT to_regclass('procrastinate_jobs') AS known")
        row = await cursor.fetchone()
        known = row is not None and row["known"] is not None
        await db.execute(store.TABLES)
        await store.forget_old(db)
    if not known:
        async with _jobs(url).open_async() as jobs:
            await SchemaManager(jobs.connector).apply_schema_async()


@asynccontextmanager
async def _delivering(
    app: Starlette, pool: AsyncConnectionPool[Connection], url: str, keys: Keys
) -> AsyncIterator[None]:
    async with _jobs(url).open_async() as jobs:
        courier = Courier(jobs, pool, signing_key=keys.current)
        app.state.courier, app.state.keys = courier, keys
        await recover(jobs)
        work = [
            asyncio.create_task(
                jobs.run_worker_async(queues=["flow"], concurrency=WAITING_AT_ONCE, **options())
            ),
            asyncio.create_task(
                jobs.run_worker_async(queues=["free"], concurrency=FREE_AT_ONCE, **options())
            ),
            asyncio.create_task(schedules.keep_publishing(courier)),
        ]
        try:
            yield
        finally:
            for task in work:
                task.cancel()
            # Bounded: when Postgres went first, the workers cannot say goodbye to it.
            await asyncio.wait(work, timeout=SHUTDOWN_SECONDS)
            await courier.close()


if __name__ == "__main__":
    main()
