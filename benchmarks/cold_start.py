"""From the start of a process to its first answer and its first delivery: `make bench-cold`.

The backend is started as production starts it, with its SDKs not loaded. Deliveries are signed
and sent as the queue would, each of a session of its own: one at once, or once the backend has
prepared itself in the background, and then more. Vendors take no time.
"""

from __future__ import annotations

import argparse
import io
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.overhead.surroundings import surroundings
from benchmarks.overhead.worker import TALK
from benchmarks.record import introduce, keep, machine
from benchmarks.table import heading, row
from pipeline import intake
from pipeline.services import Services
from pipeline.settings import Settings
from tests.backend.live import Live, eventually, running_backend
from tests.folders import open_folder
from tests.world import with_changes

ROUNDS = 5
ANSWER_GOAL, DELIVERY_GOAL = 1000.0, 300.0
PACKAGES = ("fastapi", "pydantic", "sqlalchemy", "uvicorn")
IMPORTED = ("pipeline.process", "backend.app")


def milliseconds(act: Callable[[], object]) -> float:
    """How long it takes on the wall clock."""
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


def imports(module: str, *, rounds: int) -> list[float]:
    """Starting Python and importing a module."""
    command = [sys.executable, "-c", f"import {module}"]
    subprocess.run(command, check=True)  # noqa: S603 - once, for the bytecode
    return [
        milliseconds(lambda: subprocess.run(command, check=True))  # noqa: S603 - our own program
        for _ in range(rounds)
    ]


def starts(settings: Settings, folder: Path, *, prepared: bool) -> dict[str, float]:
    """One backend: its first answer, and its first deliveries beside the second."""
    services = Services(settings)
    uploaded = [
        intake.upload(services, audio=io.BytesIO(TALK.read_bytes()), user_id="cold").session_id
        for _ in range(3)
    ]
    services.close()
    log = folder / f"backend-{time.monotonic_ns()}.log"
    begun = time.perf_counter()
    with running_backend(settings, log) as live:
        answered = 1000 * (time.perf_counter() - begun)
        if prepared:
            eventually(lambda: any(line["event"] == "prepared" for line in live.lines()))
        ready = 1000 * (time.perf_counter() - begun)
        first, second, third = (
            milliseconds(lambda one=one: _deliver(live, one))  # type: ignore[misc] # bound now
            for one in uploaded
        )
    return {
        "answered": answered,
        "ready": ready,
        "first": first,
        "second": second,
        "later": min(second, third),
        "difference": first - second,
    }


def _deliver(live: Live, session_id: Any) -> None:
    live.process(session_id, timeout=60).raise_for_status()


def spread(figures: Sequence[float]) -> tuple[str, str]:
    """The median, and from least to most."""
    return f"{median(figures):.0f}", f"{min(figures):.0f} to {max(figures):.0f}"


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    # What an upload logs is read by nobody: there is no queue, and deliveries are ours.
    logging.disable()
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    figures: dict[str, Any] = {"imports": {}}
    heading("Start of Python and import, ms", "median", "least to most")
    for module in IMPORTED:
        figures["imports"][module] = imports(module, rounds=rounds)
        row(f"`{module}`", *spread(figures["imports"][module]))
    with surroundings() as (given, _), open_folder() as folder:
        settings = with_changes(given, prepare_at_start=True)
        ways = {"once it has prepared itself": True, "at once": False}
        # In turn: what else the machine does is in both.
        taken = [
            {name: starts(settings, folder, prepared=prepared) for name, prepared in ways.items()}
            for _ in range(rounds)
        ]
    figures["backend"] = taken
    answers = [found[name]["answered"] for found in taken for name in ways]
    heading("The backend, ms from the start of its process", "median", "least to most", "goal")
    row("`GET /healthz` is answered", *spread(answers), _verdict(answers, ANSWER_GOAL))
    ready = [found["once it has prepared itself"]["ready"] for found in taken]
    row("prepared for deliveries", *spread(ready), "")
    heading(
        "First delivery, ms", "first", "second", "difference", "least to most", "difference, goal"
    )
    for name in ways:
        column = {each: [found[name][each] for found in taken] for each in taken[0][name]}
        middle, ends = spread(column["difference"])
        row(
            name,
            *(f"{median(column[each]):.0f}" for each in ("first", "second")),
            middle,
            ends,
            _verdict(column["difference"], DELIVERY_GOAL),
        )
    keep("cold_start", taken_with, figures)


def _verdict(figures: Sequence[float], goal: float) -> str:
    return f"{goal:.0f}, {'holds' if median(figures) < goal else '**missed**'}"


if __name__ == "__main__":
    main()
