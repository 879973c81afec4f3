"""Migrated databases for tests: each test finds an empty one, which most often was another's.

To copy a template takes Postgres twenty times the processor time of emptying a few tables.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import scalar_row

ROOT = Path(__file__).parent.parent
TEMPLATE = "rostrum_template"

SEND_AWAY = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
SHAPE = """
SELECT (SELECT count(*) || '-' || max(oid) FROM pg_class WHERE relpersistence = 'p')
    || ' ' || (SELECT count(*) || '-' || max(oid) FROM pg_proc)
    || ' ' || (SELECT count(*) || '-' || max(oid) FROM pg_constraint)
    || ' ' || (SELECT count(*) FROM pg_attribute WHERE NOT attisdropped)
    || ' ' || coalesce((SELECT string_agg(tgenabled, '' ORDER BY oid) FROM pg_trigger), '')
    || ' ' || (SELECT string_agg(version_num, ',') FROM alembic_version)
"""
"""Changes with the revision, and with what is made or goes: table, column, index, function,
constraint, trigger."""

EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE
    held text;
    filled boolean;
BEGIN
    FOR held IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r'
        AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', held) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %s', held);
        END IF;
    END LOOP;
    FOR held IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' LOOP
        PERFORM setval(held::regclass, 1, false);
    END LOOP;
END $$
"""
"""As a replica: neither foreign keys nor the trigger that keeps the audit from shrinking fire."""


class Databases:
    """The migrated databases of one server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        # Kept: to come in with a password costs as much as to empty a database.
        self._admin = _connected(url_of(server, "postgres"))
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(url_of(server, TEMPLATE))
        with _connected(url_of(server, TEMPLATE)) as template:
            self._shape = _shape(template)

    def made(self) -> str:
        """A new one, which stays as long as its server; its URL."""
        return new_database(self._server, TEMPLATE)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """An empty one, for the time being; its URL."""
        url = self._free.pop() if self._free else self.made()
        yield url
        self._take_back(url)

    def _take_back(self, url: str) -> None:
        """Empty it for another test, under another name: who comes late finds it no more."""
        name, other = name_of(url), _new_name()
        try:
            self._admin.execute(SEND_AWAY, [name])
            self._execute(f"ALTER DATABASE {name} RENAME TO {other}")
        except psycopg.errors.ObjectInUse:
            # Somebody came back in between; this way they are sent away for good.
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")
            return
        emptied = url_of(self._server, other)
        with _connected(emptied) as database:
            unchanged = _shape(database) == self._shape
            if unchanged:
                database.execute(EMPTY)
        if unchanged:
            self._free.append(emptied)
        else:
            self._execute(f"DROP DATABASE {other} WITH (FORCE)")

    def close(self) -> None:
        """Give back the connection."""
        self._admin.close()

    def _execute(self, statement: str) -> None:
        self._admin.execute(statement.encode())


def migrate(database_url: str) -> None:
    """Make the tables, as production does."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
    )


def new_database(server: str, template: str = "template1") -> str:
    """A database that stays as long as its server; its URL."""
    name = _new_name()
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return url_of(server, name)


def drop(url: str) -> None:
    """Drop a database, whoever uses it."""
    execute(url, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


def url_of(server: str, name: str) -> str:
    """The URL of another database of a server."""
    return f"{server.rpartition('/')[0]}/{name}"


def name_of(url: str) -> str:
    """A database's name."""
    return url.rpartition("/")[2]


def execute(server: str, statement: str) -> None:
    """One statement to the server itself."""
    with _connected(url_of(server, "postgres")) as connection:
        connection.execute(statement.encode())


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, row_factory=scalar_row)


def _shape(database: psycopg.Connection[Any]) -> str:
    return str(database.execute(SHAPE).fetchone())


def _new_name() -> str:
    return f"test_{secrets.token_hex(6)}"
