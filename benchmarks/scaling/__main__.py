"""How deliveries scale, and a long queue: `make bench-scaling`, `make bench-scaling DRAIN=10000`.

Exit status 0: 90 % of ideal up to 16 at once, and nothing lost or starved; 1: one is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.load.usage import BACKEND, DECODERS, OTHERS
from benchmarks.record import introduce, keep, machine, say
from benchmarks.scaling.calling import Called, called
from benchmarks.scaling.drain import Drained, drained
from benchmarks.scaling.parts import VENDOR_SECONDS, parts
from benchmarks.table import heading, row

AT_ONCE = (1, 2, 4, 8, 16, 32, 64)
PROCESSES = (2, 4)
MANY = (16, 32, 64)
GOAL, GOAL_UP_TO = 0.9, 16
"""Of ideal, with so many at once."""
DRAIN_AT_ONCE = 8
PACKAGES = ("fastapi", "procrastinate", "psycopg", "sqlalchemy", "uvicorn")


class Ideal:
    """What could be had: as if deliveries did not know of each other, on processors that are full.

    The time of one alone is measured; the processor time is the least that any window showed.
    """

    def __init__(self, windows: list[Called]) -> None:
        alone = next(one for one in windows if one.at_once == 1)
        self.seconds_alone = 1 / alone.a_second
        self.processor_seconds = min(one.processor_seconds for one in windows)
        self.cores = os.cpu_count() or 1

    def naive(self, at_once: int) -> float:
        """Sessions a second, if processors had no end."""
        return at_once / self.seconds_alone

    def bound(self, at_once: int) -> float:
        """Sessions a second with the processors that there are."""
        return min(self.naive(at_once), self.cores / self.processor_seconds)


def show(windows: list[Called], ideal: Ideal) -> None:
    """Two tables: how fast, and what took the processors."""
    say(
        f"\nAlone a session takes {1000 * ideal.seconds_alone:.0f} ms; of one core it takes"
        f" {1000 * ideal.processor_seconds:.0f} ms at the least: {ideal.cores} cores do"
        f" {ideal.cores / ideal.processor_seconds:.1f} a second at the most."
    )
    heading(
        "Backends, at once",
        *("sessions a second", "of ideal", "of ideal without end of processors"),
        *("p50", "p95", "cores busy", "errors"),
    )
    for one in windows:
        row(
            f"{one.backends}, {one.at_once}",
            f"{one.a_second:.1f}",
            f"{100 * one.a_second / ideal.bound(one.at_once):.0f} %",
            f"{100 * one.a_second / ideal.naive(one.at_once):.0f} %",
            *(f"{one.wait(share) / 1000:.2f} s" for share in (0.5, 0.95)),
            f"{100 * one.busy:.0f} %",
            str(len(one.errors)),
        )
    heading(
        "Processor, ms a session",
        *("backends", "decoders", "Postgres", "storage", "vendors", "callers", "all else"),
    )
    for one in windows:
        row(f"{one.backends}, {one.at_once}", *(f"{ms:.0f}" for ms in _by_party(one)))


def _by_party(one: Called) -> list[float]:
    taken = one.processor
    own = sum(spent for name, spent in taken.items() if name.startswith(BACKEND))
    named = [taken[n] for n in (DECODERS, "Postgres", "object store", "vendors", "callers", OTHERS)]
    return [1000 * spent / max(one.milliseconds.total(), 1) for spent in (own, *named)]


def missed(windows: list[Called], ideal: Ideal) -> list[str]:
    """Goals that were."""
    found = [
        f"{one.at_once} at once: {100 * share:.0f} % of ideal"
        for one in windows
        if one.backends == 1
        and one.at_once <= GOAL_UP_TO
        and (share := one.a_second / ideal.bound(one.at_once)) < GOAL
    ]
    return found + [f"{one.at_once} at once: {error}" for one in windows for error in one.errors]


def scaling(asked: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """More and more at once, in one process; then in several."""
    wanted = [(1, number) for number in asked.at]
    wanted += [(number, at_once) for number in PROCESSES for at_once in MANY if at_once in asked.at]
    with parts(vendor_seconds=VENDOR_SECONDS) as around:
        windows = [
            called(around, backends=number, at_once=at, seconds=asked.seconds, warm=asked.warm)
            for number, at in wanted
        ]
    ideal = Ideal(windows)
    show(windows, ideal)
    kept = [_kept(one) | {"of_ideal": one.a_second / ideal.bound(one.at_once)} for one in windows]
    return {"windows": kept, "ideal": vars(ideal)}, missed(windows, ideal)


def _kept(one: Called) -> dict[str, Any]:
    return {
        "backends": one.backends,
        "at_once": one.at_once,
        "a_second": one.a_second,
        "milliseconds": {f"p{100 * share:.0f}": one.wait(share) for share in (0.5, 0.95, 0.99)},
        "processor_seconds": one.processor,
        "busy": one.busy,
        "errors": one.errors,
    }


def drain(asked: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """A long queue."""
    with parts(vendor_seconds=0.0, at_once=DRAIN_AT_ONCE) as around:
        found = drained(around, asked.drain, at_once=DRAIN_AT_ONCE, tell=say)
    _show_drained(found)
    return asdict(found), found.faults()


def _show_drained(found: Drained) -> None:
    heading("A queue drained", "")
    row("sessions queued", f"{found.sessions:,}")
    row("completed", f"{found.completed:,}")
    row("not completed just once", str(found.not_once))
    row("that took more than one attempt", str(found.not_first))
    row("longest queue seen", f"{found.longest_queue:,}")
    row("most places lost to others that came later", str(found.overtaken))
    row("from the first queued to the last begun", f"{found.lasted_seconds:.0f} s")
    row("longest wait of one", f"{found.longest_seconds:.0f} s")
    row("between the learners' last sessions, at most", f"{found.apart_seconds:.0f} s")


def main() -> int:
    """Measure, print, keep; the exit status says whether the goals hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--at", type=int, nargs="+", default=list(AT_ONCE), help="calls at once")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each window")
    parser.add_argument("--warm", type=float, default=5.0, help="seconds before each")
    parser.add_argument("--drain", type=int, help="queue so many sessions, and nothing else")
    asked = parser.parse_args()
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    figures, faults = drain(asked) if asked.drain else scaling(asked)
    name = "scaling-drain" if asked.drain else "scaling"
    keep(name, taken_with, {**figures, "missed": faults})
    for fault in faults:
        say(f"Missed: {fault}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
