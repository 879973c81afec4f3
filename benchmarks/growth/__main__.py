"""What grows with the number of sessions: `make bench-growth`.

Exit status 0: nothing grows faster than its logarithm; 1: something does.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.growth.doors import Door, Doors
from benchmarks.growth.filling import RETENTION_DAYS, fill
from benchmarks.growth.plans import Plans, explaining
from benchmarks.growth.verdict import Cost, costs, faults
from benchmarks.overhead.surroundings import surroundings
from benchmarks.record import introduce, keep, machine, say
from benchmarks.table import heading, row
from pipeline.services import Services
from pipeline.settings import Settings
from tests.databases import execute, migrate, name_of, url_of
from tests.standins import running_qstash
from tests.world import with_changes

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS, EXPLAINED = 7, 3
SESSION_RETENTION_DAYS = 1_100
"""Nothing of the history is so old but what a round leaves for it."""
GROWS_BY = 10
"""A table that has so many times as many rows at the greatest size as at the least grows."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One door at one size."""

    milliseconds: float
    """Median, on the wall clock, from our call to its return."""
    statements: dict[str, Cost]
    full_at: int

    @property
    def looks(self) -> float:
        """Of all statements of a round."""
        return sum(cost.looks * cost.times for cost in self.statements.values())


@dataclass(frozen=True, slots=True)
class Size:
    """All doors at one size."""

    sessions: int
    doors: dict[str, Measured]
    rows: dict[str, int]
    """Of each table."""
    megabytes: float


@contextmanager
def history(usual: Settings, sessions: int) -> Iterator[tuple[Settings, Settings]]:
    """A database of so many sessions; settings to use it, and to have its plans written down."""
    server = usual.require("DATABASE_URL")
    execute(server, f"CREATE DATABASE growth_{sessions}")
    url = url_of(server, f"growth_{sessions}")
    try:
        migrate(url)
        fill(url, sessions, tell=say)
        settings = with_changes(
            usual,
            database_url=url,
            transcript_retention_days=RETENTION_DAYS,
            session_retention_days=SESSION_RETENTION_DAYS,
        )
        yield settings, with_changes(settings, database_url=explaining(url))
    finally:
        execute(server, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


def measured(settings: tuple[Settings, Settings], log: Path, sessions: int, only: str) -> Size:
    """Every door: first its plans, then its times."""
    plain, explained = (Services(each) for each in settings)
    try:
        found: dict[str, Measured] = {}
        for door in Doors(plain).all():
            if only in door.name:
                found[door.name] = _through(door, plain, explained, log)
        rows, megabytes = _tables(settings[0].require("DATABASE_URL"))
        return Size(sessions, found, rows, megabytes)
    finally:
        plain.close()
        explained.close()


def _through(door: Door, plain: Services, explained: Services, log: Path) -> Measured:
    rounds = []
    for _ in range(EXPLAINED):
        work = door.ready()
        plans = Plans(log)
        work(explained)
        rounds.append(plans.taken())
    took = []
    for _ in range(ROUNDS):
        work = door.ready()
        begun = time.perf_counter()
        work(plain)
        took.append(1000 * (time.perf_counter() - begun))
    return Measured(median(took), costs(rounds), door.full_at)


def _tables(url: str) -> tuple[dict[str, int], float]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ANALYZE")
        rows = connection.execute(
            "SELECT relname, greatest(reltuples, 0)::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return dict(rows), (size[0] if size else 0) / 2**20


def judged(sizes: list[Size]) -> dict[str, dict[str, list[str]]]:
    """Door → statement → what is wrong with it; both only where something is."""
    least, greatest = sizes[0].rows, sizes[-1].rows
    growing = {
        name: rows for name, rows in greatest.items() if rows > GROWS_BY * max(least[name], 1)
    }
    found: dict[str, dict[str, list[str]]] = {}
    for name, last in sizes[-1].doors.items():
        for sql in last.statements:
            at = {
                size.sessions: size.doors[name].statements[sql]
                for size in sizes
                if sql in size.doors[name].statements and size.sessions >= last.full_at
            }
            if at and (wrong := faults(at, growing)):
                found.setdefault(name, {})[sql] = wrong
    return found


def show(sizes: list[Size], found: dict[str, dict[str, list[str]]]) -> None:
    """A table of all doors, then the statements that grow, with their plans."""
    names = [f"{size.sessions:,}" for size in sizes]
    heading("Beside them", *names)
    row("database, MB", *(f"{size.megabytes:,.0f}" for size in sizes))
    grown = sizes[-1].sessions // sizes[0].sessions
    heading("ms (looks)", *names, f"times, of {grown:,} times the sessions", "")
    for name, last in sizes[-1].doors.items():
        row(
            name,
            *(
                f"{size.doors[name].milliseconds:.1f} ({size.doors[name].looks:,.0f})"
                for size in sizes
            ),
            f"{last.milliseconds / sizes[0].doors[name].milliseconds:.1f}",
            "**grows**" if name in found else "",
        )
    for name, statements in found.items():
        for sql, wrong in statements.items():
            cost = sizes[-1].doors[name].statements[sql]
            say(f"\n{name}: {'; '.join(wrong)}\n    {cost.milliseconds:.1f} ms; {sql[:600]}")
            say(f"    {cost.shape[:900]}")


def _kept(size: Size) -> dict[str, Any]:
    return asdict(size) | {"looks": {name: door.looks for name, door in size.doors.items()}}


def main() -> int:
    """Measure, print, keep, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", default="", help="doors whose name holds this")
    asked = parser.parse_args()
    taken_with = machine("psycopg", "sqlalchemy")
    introduce(taken_with)
    # What the doors log is read by nobody.
    logging.disable()
    with surroundings() as (around, log):
        queue = url_of(around.require("DATABASE_URL"), "postgres")
        with running_qstash(queue, log.with_name("qstash.log")) as qstash:
            usual = with_changes(around, qstash_url=qstash.url)
            sizes = []
            for sessions in sorted(asked.sizes):
                with history(usual, sessions) as settings:
                    sizes.append(measured(settings, log, sessions, asked.only))
    found = judged(sizes)
    show(sizes, found)
    keep("growth", taken_with, {"sizes": [_kept(size) for size in sizes], "grows": found})
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
