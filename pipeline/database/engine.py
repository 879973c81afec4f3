"""The engine and the unit of work: a transaction that commits at the end or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from pipeline.errors import DatabaseUnavailable

CONNECT_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 10
LIMITS = {
    "statement_timeout": 30_000,
    "lock_timeout": 10_000,
    # A worker that is frozen between two statements gives up its row locks before those who wait
    # for them give up. No transaction of ours waits for anything but Postgres.
    "idle_in_transaction_session_timeout": 5_000,
}
"""Milliseconds."""
AS_READ = {"synchronize_session": False}
"""Or SQLAlchemy works out in Python, for each update, what became of every object it has read."""


def create(database_url: str, *, pool_size: int = 10) -> Engine:
    """An engine for `database_url`; connects only when first used."""
    engine = create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,  # statements carry what learners said; messages reach logs
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "rostrum",
            # A transaction pooler hands each transaction another connection, without what was
            # prepared on the last one.
            "prepare_threshold": None,
        },
    )
    event.listen(engine, "connect", _limit_waiting)
    return engine


def _limit_waiting(connection: DBAPIConnection, _record: object) -> None:
    # Set by statement, not by start-up option: a transaction pooler refuses those.
    cursor = connection.cursor()
    limits = [f"SET {name} = {milliseconds}" for name, milliseconds in LIMITS.items()]
    cursor.execute("; ".join([*limits, "SET timezone = 'UTC'"]))
    cursor.close()
    connection.commit()


@contextmanager
def transaction(engine: Engine, *, of_one_moment: bool = False) -> Iterator[Session]:
    """A session that commits when the block ends well and rolls back otherwise.

    Objects stay as they were read: no later statement of the block changes them. `of_one_moment`:
    all statements see what was committed before the first one, and nothing of later.

    Raises:
        DatabaseUnavailable: Postgres cannot be reached, or went away.
    """
    try:
        with (
            Session(engine, expire_on_commit=False, execution_options=AS_READ) as session,
            session.begin(),
        ):
            if of_one_moment:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session
    except (OperationalError, DisconnectionError, PoolTimeoutError) as error:
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable from error
        raise


def ping(engine: Engine) -> None:
    """Ask Postgres something trivial.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    with transaction(engine) as session:
        session.execute(text("SELECT 1"))
