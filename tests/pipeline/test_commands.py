"""The commands of an operator: sweep once, schedule the sweeper; each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import httpx
import pytest

from tests.backend.live import environment
from tests.standins import QSTASH_TOKEN, StandIn
from tests.world import World


def run(module: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_sweep_from_the_command_line_says_what_it_did(world: World) -> None:
    world.upload()

    done = run("pipeline.sweep", environment(world.services.settings))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("SweepReport(published=0, resumed=0, given_up=0,")


def test_scheduling_the_sweeper_again_changes_nothing(world: World, qstash: StandIn) -> None:
    queued = world.with_settings(qstash_url=qstash.url)
    for _ in range(2):
        done = run("pipeline.schedule", environment(queued.services.settings))
        assert done.returncode == 0, done.stderr

    listed = httpx.get(
        f"{qstash.url}/v2/schedules", headers={"Authorization": f"Bearer {QSTASH_TOKEN}"}
    ).json()
    (schedule,) = listed
    assert schedule["cron"] == "* * * * *"
    assert schedule["destination"] == queued.services.settings.sweep_url


@pytest.mark.parametrize(
    ("module", "missing"),
    [("pipeline.sweep", "DATABASE_URL"), ("pipeline.schedule", "QSTASH_TOKEN")],
)
def test_a_command_names_what_it_lacks(world: World, module: str, missing: str) -> None:
    done = run(module, {**environment(world.services.settings), missing: ""})

    assert done.returncode == 1
    assert done.stderr.strip() == f"Missing required environment variable: {missing}"
