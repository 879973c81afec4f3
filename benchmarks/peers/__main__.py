"""Against durable engines: `make bench-peers`; `python -m benchmarks.peers --quick` to try it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from benchmarks.peers.engines import ENGINES, Engine, redis_server
from benchmarks.peers.recovery import Recovered, recover
from benchmarks.peers.surroundings import surroundings
from benchmarks.peers.tables import Windows, show, show_kills
from benchmarks.peers.throughput import SESSIONS, measure
from benchmarks.record import introduce, keep, machine, say

ROUNDS = 3
PACKAGES = ("anthropic", "boto3", "openai", "psycopg")
VENDOR_SECONDS = 0.3
"""Where a worker is killed: so that it is killed in the middle."""


def rounds(*, number: int, sessions: dict[int, int]) -> Windows:
    """Windows of all engines, in turn; each is as often before another as behind it."""
    found: Windows = {at_once: defaultdict(list) for at_once in sessions}
    with surroundings(vendor_seconds=0.0) as around:
        for place in range(number):
            for at_once, wanted in sessions.items():
                for engine in ENGINES if place % 2 == 0 else ENGINES[::-1]:
                    window = measure(around, engine, at_once=at_once, sessions=wanted)
                    found[at_once][engine.name].append(window)
                    for error in window.errors:
                        say(f"{engine.name}, {at_once} at once: {error}")
    return found


def kills() -> dict[str, Recovered]:
    """What becomes of each engine's sessions after a kill."""
    with surroundings(vendor_seconds=VENDOR_SECONDS) as around:
        return {engine.name: recover(around, engine) for engine in ENGINES}


def _taken_with(engines: Iterable[Engine]) -> dict[str, Any]:
    packages = (package for engine in engines for package in engine.packages)
    taken_with = machine(*PACKAGES, *packages)
    told = subprocess.run(  # noqa: S603 - Debian's program, asked for its version
        [redis_server(), "--version"], capture_output=True, text=True, check=True
    )
    taken_with["versions"]["redis-server"] = told.stdout.split("v=")[1].split()[0]
    return taken_with


def main() -> int:
    """Measure, print, keep. Exit status 1: a session was lost, or a vendor asked too often."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("part", choices=["all", "throughput", "kills"], nargs="?", default="all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--at", type=int, nargs="+", default=list(SESSIONS), help="at once")
    parser.add_argument("--quick", action="store_true", help="one round of few sessions")
    asked = parser.parse_args()
    sessions = {at: SESSIONS.get(at, 2 * at) for at in asked.at}
    if asked.quick:
        asked.rounds, sessions = 1, {at: at + 4 for at in sessions}
    taken_with = _taken_with(ENGINES)
    introduce(taken_with)
    windows: Windows = {}
    killed: dict[str, Recovered] = {}
    if asked.part in {"all", "throughput"}:
        windows = rounds(number=asked.rounds, sessions=sessions)
        show(windows)
    if asked.part in {"all", "kills"}:
        killed = kills()
        show_kills(killed)
    keep(
        "peers" if asked.part == "all" else f"peers-{asked.part}",
        taken_with,
        {
            "sessions_in_window": sessions,
            "windows": {
                at_once: {name: [asdict(one) for one in each] for name, each in by.items()}
                for at_once, by in windows.items()
            },
            "kills": {name: asdict(one) for name, one in killed.items()},
        },
    )
    wrong = any(one.errors for by in windows.values() for each in by.values() for one in each)
    return int(wrong or any(one.lost or one.odd_sessions for one in killed.values()))


if __name__ == "__main__":
    sys.exit(main())
