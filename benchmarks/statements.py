"""What a page asks of Postgres, read from the server's own log: how often, and how long it took.

The server logs each statement with its time (`log_min_duration_statement`): pg_stat_statements has
sums only, and counting in the dashboard's process would not see the server's share.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[(?P<pid>\d+)\] (?P<what>.*)", re.DOTALL)
_TIMED = re.compile(
    r"LOG:  duration: (?P<ms>[\d.]+) ms  (?P<step>statement|parse|bind|execute)[^:]*: (?P<sql>.*)",
    re.DOTALL,
)
_OVERHEAD = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|DEALLOCATE|SET\s|SELECT 1\s*$|;?\s*$)")
"""Transactions and pings are no queries; the connection's own settings are neither."""
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a server's log."""

    pid: str
    what: str
    """From its level on, all lines of it."""


def entries(path: Path, at: int) -> Iterator[Entry]:
    """Those that a log has from this byte on."""
    with path.open("rb") as log:
        log.seek(at)
        text = log.read().decode("utf-8", "replace")
    for entry in re.split(r"\n(?=\d{4}-\d\d-\d\d )", text):
        found = _ENTRY.match(entry)
        if found:
            yield Entry(found["pid"], found["what"])


@dataclass(frozen=True, slots=True)
class Statement:
    """One query that the server answered."""

    sql: str
    milliseconds: float
    """Parsing, binding and running it, on the server."""


class Log:
    """The server's log of one database."""

    def __init__(self, database_url: str, path: Path) -> None:
        self._path = path
        name = database_url.rpartition("/")[2]
        with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET log_min_duration_statement = 0".encode())
        self._at = 0

    def forget(self) -> None:
        """What came so far is not looked at."""
        time.sleep(SETTLE_SECONDS)
        self._at = self._path.stat().st_size

    def since(self) -> list[Statement]:
        """What came since `forget`."""
        time.sleep(SETTLE_SECONDS)
        return list(_statements(entries(self._path, self._at)))


def _statements(logged: Iterator[Entry]) -> Iterator[Statement]:
    preparing: dict[str, float] = defaultdict(float)
    for entry in logged:
        timed = _TIMED.match(entry.what)
        if not timed:
            continue
        spent = float(timed["ms"])
        if timed["step"] in {"parse", "bind"}:
            preparing[entry.pid] += spent
            continue
        spent += preparing.pop(entry.pid, 0.0)
        if not _OVERHEAD.match(timed["sql"]):
            yield Statement(" ".join(timed["sql"].split()), spent)
