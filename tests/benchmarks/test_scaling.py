"""The benchmark of scaling: what a drained queue must be like, and that small ones run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.scaling.drain import Drained

ROOT = Path(__file__).parents[2]
WELL = Drained(
    sessions=10_000,
    completed=10_000,
    not_once=0,
    not_first=0,
    overtaken=12,
    longest_seconds=900,
    lasted_seconds=1_000,
    apart_seconds=20,
    longest_queue=9_000,
)


def test_a_queue_that_lost_none_in_the_order_they_came_is_well_drained() -> None:
    assert WELL.faults() == []


@pytest.mark.parametrize(
    ("became", "fault"),
    [
        (replace(WELL, completed=9_998), "2 sessions were lost"),
        (replace(WELL, not_once=1), "1 sessions were not completed just once"),
        (replace(WELL, overtaken=101), "a session was overtaken by 101 that came after it"),
    ],
)
def test_a_session_lost_done_twice_or_starved_is_a_fault(became: Drained, fault: str) -> None:
    assert became.faults() == [fault]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("options", [["--at", "1", "2", "--seconds", "3"], ["--drain", "40"]])
def test_a_small_one_runs_to_its_end(options: list[str]) -> None:
    """Times of a machine that tests at once mean nothing: that the goal is missed is allowed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {0, 1}, done.stderr
    assert "were lost" not in done.stdout
    assert "answers of" not in done.stdout
