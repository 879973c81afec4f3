"""One session against the floor: `make bench-overhead`; `--guard` is what CI asks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.instant_vendors import HEARD
from benchmarks.overhead.surroundings import surroundings
from benchmarks.overhead.worker import Ways
from benchmarks.record import introduce, keep, machine, say
from benchmarks.statements import Log
from benchmarks.table import heading, row
from pipeline.services import Services
from pipeline.settings import Settings
from tests.backend.live import environment

Block = dict[str, dict[str, float]]
"""By way of processing: what one session took, in milliseconds (`worker.Cost`)."""
PACKAGES = ("anthropic", "boto3", "openai", "psycopg", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The pipeline against one floor, in one measure."""

    name: str
    floor: str
    measure: str
    goal: float | None
    """Most that the ratio should be; None: told for its own sake."""
    bound: float | None = None
    """Above it the guard fails."""

    def ratios(self, blocks: list[Block]) -> list[float]:
        """Inside each block, so that what else the machine does is on both sides."""
        return [
            block["pipeline"][self.measure] / block[self.floor][self.measure] for block in blocks
        ]


COMPARISONS = (
    Comparison("processor time", "floor", "whole", goal=1.3, bound=2.0),
    Comparison("wall time", "floor", "wall", goal=1.5),
    # Nearly all of the above is the pass over the audio, which would hide what grows beside it.
    Comparison("the worker's own processor time, no audio", "bare", "own", goal=None, bound=9.0),
    Comparison("processor time, floor without the audio", "bare", "whole", goal=None),
    Comparison("wall time, floor without the audio", "bare", "wall", goal=None),
)


def blocks_of(settings: Settings, *, blocks: int, sessions: int, warm: int) -> list[Block]:
    """Measure in a process of its own: the servers are not its children."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [
            sys.executable,
            "-m",
            "benchmarks.overhead.worker",
            f"--blocks={blocks}",
            f"--sessions={sessions}",
            f"--warm={warm}",
        ],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment(settings)},
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def statements_of_one(settings: Settings, log: Path) -> int:
    """How many statements one delivery takes, by the server's own log."""
    logged = Log(settings.require("DATABASE_URL"), log)
    services = Services(settings)
    deliver = Ways(services).prepare("pipeline", 1)
    logged.forget()
    deliver()
    counted = len(logged.since())
    services.close()
    return counted


def show(blocks: list[Block]) -> None:
    """Two tables: what each way takes, and how they compare."""
    heading("One session, ms (median of blocks)", "wall", "processor", "of it in the worker itself")
    names = {
        "pipeline": "the pipeline",
        "floor": "the floor, with the same pass over the audio",
        "bare": "the floor, which sends the file as it came",
    }
    for way, name in names.items():
        figures = (
            median(block[way][each] for block in blocks) for each in ("wall", "whole", "own")
        )
        row(name, *(f"{figure:.1f}" for figure in figures))
    heading("The pipeline to the floor", "ratio", "least to most", "goal")
    for compared in COMPARISONS:
        ratios = compared.ratios(blocks)
        found = median(ratios)
        verdict = "holds" if compared.goal and found <= compared.goal else "**missed**"
        row(
            compared.name,
            f"{found:.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{compared.goal:.1f}, {verdict}" if compared.goal else "",
        )


def guard(blocks: list[Block]) -> int:
    """Judge ratios only, never times; 0: none is above its bound."""
    grown = [
        f"{compared.name}: {found:.2f} times the floor's, at most {compared.bound:.1f}"
        for compared in COMPARISONS
        if compared.bound is not None
        and (found := median(compared.ratios(blocks))) > compared.bound
    ]
    for sentence in grown:
        say(f"\nA delivery has become dearer. {sentence}.")
    return 1 if grown else 0


def main() -> int:
    """Measure, print, keep; as a guard only measure little and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--guard", action="store_true", help="few sessions; fail above a bound")
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--sessions", type=int, help="in each block")
    asked = parser.parse_args()
    number = asked.blocks or (5 if asked.guard else 12)
    sessions = asked.sessions or (1 if asked.guard else 10)
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    with surroundings() as (settings, log):
        warm = 2 if asked.guard else 5
        blocks = blocks_of(settings, blocks=number, sessions=sessions, warm=warm)
        show(blocks)
        if asked.guard:
            return guard(blocks)
        counted = statements_of_one(settings, log)
    heading("Statements of one session", "pipeline", "floor")
    row("without BEGIN, COMMIT and pings", str(counted), "2")
    keep(
        "overhead",
        taken_with,
        {
            "sessions_in_block": sessions,
            "lines_of_talk": len(HEARD),
            "blocks": blocks,
            "ratios": {compared.name: median(compared.ratios(blocks)) for compared in COMPARISONS},
            "statements": counted,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
