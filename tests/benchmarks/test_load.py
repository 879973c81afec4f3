"""The load test: what its figures mean, and that a small one runs on real parts."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load.figures import percentile, slope

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("counted", "share", "expected"),
    [
        ({5.0: 1}, 0.95, 5.0),
        ({1.0: 50, 2.0: 45, 3.0: 5}, 0.5, 1.0),
        ({1.0: 50, 2.0: 45, 3.0: 5}, 0.95, 2.0),
        ({3.0: 5, 1.0: 50, 2.0: 45}, 0.99, 3.0),
    ],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    counted: dict[float, int], share: float, expected: float
) -> None:
    assert percentile(counted, share) == expected


def test_a_percentile_of_nothing_meets_no_goal() -> None:
    assert math.isnan(percentile({}, 0.95))


def test_the_slope_is_the_growth_for_each_step() -> None:
    assert slope([(0, 100), (1, 103), (2, 104), (3, 107)]) == pytest.approx(2.2)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_small_load_runs_to_its_end_without_an_error() -> None:
    """Some seconds: the figures of a machine that tests at once mean nothing, the errors do."""
    command = [sys.executable, "-m", "benchmarks.load", "--at", "2", "--sessions", "50"]
    done = subprocess.run(
        [*command, "--seconds", "20", "--warm", "20"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {0, 1}, done.stderr
    (window,) = json.loads((ROOT / "test-artifacts" / "load-phases.json").read_text())["figures"][
        "windows"
    ]
    assert window["errors"] == []
    assert window["sessions_sent"] > 0
    assert window["milliseconds"]["reads"]["number"] > 0
    assert window["milliseconds"]["PAGE sessions"]["number"] > 0
