"""Sessions a minute, waiting times and memory under load: `make load`, `make load SOAK=1`.

Exit status 0: all goals hold; 1: one is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from statistics import fmean
from typing import Any

from benchmarks.load.figures import percentile, slope
from benchmarks.load.surroundings import VENDOR_SECONDS, surroundings
from benchmarks.load.usage import OTHERS
from benchmarks.load.window import Window, measure
from benchmarks.record import introduce, keep, machine, say
from benchmarks.table import heading, row

PACKAGES = ("fastapi", "locust", "sqlalchemy", "streamlit", "uvicorn")
AT_ONCE = (1, 8, 32)
SEEDED = 2_000
WINDOW_SECONDS, WARM_SECONDS = 90.0, 15.0
SOAK_SECONDS, SOAK_AT_ONCE = 1200.0, 8
SOAK_WARM_SECONDS = 120.0
READ_GOAL_MS, PAGE_GOAL_MS = 100.0, 1000.0
GROWTH_GOAL_MB = 10.0
"""In 20 minutes."""
PERCENTILES = (0.5, 0.95, 0.99)


def phases(asked: argparse.Namespace) -> tuple[list[Window], list[str]]:
    """A window for each number of deliveries at once; and what missed its goal."""
    with surroundings(sessions=asked.sessions) as around:
        windows = [
            measure(around, at_once=number, seconds=asked.seconds, warm_seconds=asked.warm)
            for number in asked.at
        ]
    _show(windows)
    return windows, [missed for window in windows for missed in _missed(window)]


def soak(asked: argparse.Namespace) -> tuple[list[Window], list[str]]:
    """One long window, for the backend's memory."""
    with surroundings(sessions=asked.sessions) as around:
        window = measure(
            around, at_once=asked.at[0], seconds=asked.seconds, warm_seconds=asked.warm
        )
    _show([window])
    return [window], [*_missed(window), *_grown(window)]


def _show(windows: list[Window]) -> None:
    heading(
        "Deliveries",
        *("sessions a minute", "at once, on average"),
        *("webhook, p50", "p95", "p99", "sessions sent", "errors"),
    )
    for window in windows:
        row(
            f"{window.at_once} at once",
            f"{window.sessions_a_minute:.0f}",
            f"{window.at_once_on_average:.1f}",
            *(f"{percentile(window.told.deliveries, share) / 1000:.2f} s" for share in PERCENTILES),
            str(window.sessions),
            str(len(window.errors)),
        )
    heading("Meanwhile", "asked", "p50", "p95", "p99", "goal for p95")
    for window in windows:
        for name, counted, goal in (
            ("`GET` of the API", window.reads, READ_GOAL_MS),
            ("the same, by the server's clock", window.told.reads, None),
            ("upload", window.uploads, None),
            ("page of the dashboard", window.pages, PAGE_GOAL_MS),
        ):
            row(
                f"{window.at_once} at once: {name}",
                str(counted.total()),
                *(f"{percentile(counted, share):.0f} ms" for share in PERCENTILES),
                f"{goal:.0f} ms" if goal else "",
            )
    heading("Processor, ms for each session", *(f"{window.at_once} at once" for window in windows))
    for part in windows[0].usage.processor_seconds:
        row(part, *(_milliseconds_of(window, part) for window in windows))
    row("all cores busy", *(f"{100 * _busy(window):.0f} %" for window in windows))
    for window in windows:
        for error in window.errors:
            say(f"{window.at_once} at once: {error}")


def _milliseconds_of(window: Window, part: str) -> str:
    sessions = window.told.deliveries.total()
    spent = window.usage.processor_seconds[part]
    if part == OTHERS:
        return f"{100 * spent / window.usage.machine_seconds:.0f} % of the time"
    return f"{1000 * spent / sessions:.0f}" if sessions else "–"


def _busy(window: Window) -> float:
    return sum(window.usage.processor_seconds.values()) / window.usage.machine_seconds


def _missed(window: Window) -> list[str]:
    """Goals that a window missed."""
    name = f"{window.at_once} at once"
    missed = [f"{name}: {error}" for error in window.errors]
    for what, counted, goal in (
        ("GET of the API", window.reads, READ_GOAL_MS),
        ("pages of the dashboard", window.pages, PAGE_GOAL_MS),
    ):
        # Written so that no figure at all is a miss, too.
        if not percentile(counted, 0.95) < goal:
            missed.append(f"{name}: p95 of {what} is not below {goal:.0f} ms")
    if not window.told.deliveries:
        missed.append(f"{name}: no session was completed")
    return missed


def _grown(window: Window) -> list[str]:
    """Whose memory grew."""
    heading(
        "Resident memory",
        *(
            "first quarter, mean",
            "last quarter, mean",
            "peak",
            "growth in 20 minutes, by the slope",
        ),
        "goal",
    )
    missed = []
    for name, samples in window.usage.memory.items():
        growth = slope(samples) * SOAK_SECONDS
        quarter = len(samples) // 4
        row(
            name,
            f"{fmean(held for _, held in samples[:quarter]):.0f} MB",
            f"{fmean(held for _, held in samples[-quarter:]):.0f} MB",
            f"{max(held for _, held in samples):.0f} MB",
            f"{growth:+.1f} MB",
            f"{GROWTH_GOAL_MB:g} MB",
        )
        if not growth < GROWTH_GOAL_MB:
            missed.append(f"memory of the {name} grew by {growth:.1f} MB in 20 minutes")
    return missed


def _kept(window: Window) -> dict[str, Any]:
    """For the artifact."""
    counted = {
        "webhook": window.told.deliveries,
        "reads": window.reads,
        "reads_by_the_server": window.told.reads,
        **{name: asked.milliseconds for name, asked in window.asked.items()},
    }
    return {
        "at_once": window.at_once,
        "seconds": window.seconds,
        "sessions_sent": window.sessions,
        "sessions_completed": window.told.deliveries.total(),
        "sessions_a_minute": window.sessions_a_minute,
        "at_once_on_average": window.at_once_on_average,
        "errors": window.errors,
        "milliseconds": {name: _summary(one) for name, one in counted.items()},
        "processor_seconds": window.usage.processor_seconds,
        "machine_seconds": window.usage.machine_seconds,
        "megabytes": window.usage.memory,
    }


def _summary(counted: Counter[float]) -> dict[str, float]:
    shares = {f"p{100 * share:.0f}": percentile(counted, share) for share in PERCENTILES}
    return {"number": counted.total(), **shares, "most": max(counted, default=math.nan)}


def main() -> None:
    """Measure, print, keep the figures; the exit status says whether the goals hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parts = {"phases": phases, "soak": soak}
    parser.add_argument("part", choices=parts, nargs="?", default="phases")
    parser.add_argument("--at", type=int, nargs="+", help="deliveries at once")
    parser.add_argument("--seconds", type=float, help="of each window")
    parser.add_argument("--warm", type=float, help="seconds before each that do not count")
    parser.add_argument("--sessions", type=int, default=SEEDED, help="made-up ones, there before")
    asked = parser.parse_args()
    is_soak = asked.part == "soak"
    asked.at = asked.at or ([SOAK_AT_ONCE] if is_soak else list(AT_ONCE))
    asked.seconds = asked.seconds or (SOAK_SECONDS if is_soak else WINDOW_SECONDS)
    asked.warm = (
        (SOAK_WARM_SECONDS if is_soak else WARM_SECONDS) if asked.warm is None else asked.warm
    )
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    say(
        f"Each vendor answers after {1000 * VENDOR_SECONDS:.0f} ms; "
        f"windows of {asked.seconds:.0f} s."
    )
    windows, missed = parts[asked.part](asked)
    keep(
        f"load-{asked.part}",
        taken_with,
        {"missed": missed, "windows": [_kept(one) for one in windows]},
    )
    for goal in missed:
        say(f"Missed: {goal}.")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
