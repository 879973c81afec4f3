"""`python -m local.qstash --port 9101 --database-url postgresql://…`: the server itself.

Token and signing keys come from QSTASH_TOKEN, QSTASH_CURRENT_SIGNING_KEY and
QSTASH_NEXT_SIGNING_KEY. One server owns a database: it takes a lock, and hands back at once
what a killed one held. Its tables are in the schema `qstash`, apart from the application's.

Faults for tests: those of `local/faults.py` for the side that is called, and for deliveries
`PUT /_deliveries {"deliver_twice": 1, "forget_answer": 1}`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import psycopg
import uvicorn
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from local.faults import Faults
from local.qstash import schedules, store
from local.qstash.api import routes
from local.qstash.delivery import Courier
from local.qstash.engine import POOL_SIZE, SEARCH_PATH, Owner, Taken, Workers, make_app, prepare
from local.qstash.sender import Sender
from local.qstash.signature import SigningKeys
from local.qstash.tables import Connection

POOL_WAIT_SECONDS = 1.0
"""A publisher learns so soon that the database is away."""


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.qstash", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # It reports each failed attempt as an error of its own; our events say what happened.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    token, keys = _environment()
    url = (arguments.database_url or "").replace("postgresql+psycopg://", "postgresql://")
    if not url:
        _refuse("Name the database by --database-url or DATABASE_URL.")
    owner = Owner(url)
    try:
        prepare(owner.hold())
    except Taken as taken:
        _refuse(str(taken))
    except psycopg.OperationalError:
        _refuse("The database of --database-url does not answer.")
    app = Starlette(routes=routes(), lifespan=lambda app: _delivering(app, url, owner))
    app.state.token, app.state.keys = token, keys
    uvicorn.run(
        Faults(app),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


def _environment() -> tuple[str, SigningKeys]:
    names = ("QSTASH_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        _refuse(f"Missing required environment variables: {', '.join(missing)}")
    token, current, following = (os.environ[name] for name in names)
    return token, SigningKeys(current, following)


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


@asynccontextmanager
async def _delivering(app: Starlette, url: str, owner: Owner) -> AsyncIterator[None]:
    """Open everything, in the order in which one needs the other."""
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=POOL_SIZE,
        open=False,
        timeout=POOL_WAIT_SECONDS,
        # So that a restart of Postgres costs nobody an error.
        check=AsyncConnectionPool.check_connection,
        kwargs={"options": SEARCH_PATH, "row_factory": dict_row},
    )
    async with pool, make_app(url).open_async() as jobs, Sender(app.state.keys) as sender:
        courier, workers = Courier(jobs, pool, sender), Workers(jobs, owner)
        app.state.courier, app.state.workers = courier, workers
        async with courier.transaction() as db:
            await store.forget_old(db)
        publishing = asyncio.create_task(schedules.keep_publishing(courier))
        try:
            async with workers.running():
                yield
        finally:
            publishing.cancel()


if __name__ == "__main__":
    main()
