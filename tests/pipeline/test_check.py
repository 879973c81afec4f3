"""`python -m pipeline.check` on the real stand-ins: all well, then each part broken in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
import sqlalchemy

from pipeline import check
from pipeline.schedule import schedule_sweep
from tests.backend.live import Live, environment
from tests.standins import NEXT_KEY, QSTASH_TOKEN, StandIn
from tests.talks import verbose_json
from tests.world import NOWHERE, World

SECRETS = ("test-token", "test-openai", "test-anthropic", "sig_current", "sig_next")


@pytest.fixture
def ready(world: World, qstash_process: StandIn, analyst: StandIn) -> World:
    """Everything there but a backend: at APP_URL somebody else answers."""
    made = world.with_settings(qstash_url=qstash_process.url, app_url=analyst.url)
    schedule_sweep(made.services)
    return made


def found(world: World, part: str) -> check.Found:
    (answer,) = check.check(world.services, [part])
    return answer


def test_a_sound_configuration_is_ok_in_every_part_and_leaves_nothing_behind(
    ready: World, live: Live
) -> None:
    whole = ready.with_settings(app_url=live.url)
    schedule_sweep(whole.services)

    answers = check.check(whole.services, list(check.PARTS))

    assert [str(answer) for answer in answers if not answer.ok] == []
    assert not [stored for stored in whole.services.storage.objects() if "check-" in stored.key]
    listed = httpx.get(
        f"{ready.services.settings.qstash_url}/v2/logs",
        headers={"Authorization": f"Bearer {QSTASH_TOKEN}"},
    )
    told = [event for event in listed.json()["events"] if event["url"] == f"{live.url}/healthz"]
    assert {event["state"] for event in told} >= {"CREATED", "CANCELED"}
    assert "DELIVERED" not in {event["state"] for event in told}


@pytest.mark.parametrize(
    ("part", "changed", "says", "do"),
    [
        ("settings", {"prompt_version": "v0"}, "prompt", "see"),
        ("settings", {"app_env": "production"}, "API_TOKEN", "deploy.md"),
        ("keys", {"qstash_current_signing_key": None}, "CURRENT_SIGNING_KEY is not set", "console"),
        ("keys", {"qstash_current_signing_key": NEXT_KEY}, "equal", "console"),
        ("database", {"database_url": None}, "variable: DATABASE_URL", "set it"),
        ("database", {"database_url": "postgresql://u:test-token@127.0.0.1:9/x"}, "reached", "DAT"),
        ("storage", {"r2_secret_access_key": "test-token"}, "storage cannot be reached", "R2_"),
        ("storage", {"r2_bucket_name": "no-such-bucket"}, "storage cannot be reached", "R2_"),
        ("storage", {"r2_endpoint_url": "no address"}, "ValueError", "R2_"),
        ("queue", {"qstash_token": "sig_next"}, "queue cannot be reached", "QSTASH_TOKEN"),
        ("queue", {"app_url": NOWHERE}, "another address", "pipeline.schedule"),
        ("whisper", {"openai_base_url": f"{NOWHERE}/v1"}, "not available", "OPENAI"),
        ("claude", {"claude_model": "no-such-model"}, "not available", "CLAUDE_MODEL"),
        ("claude", {"anthropic_api_key": None}, "variable: ANTHROPIC_API_KEY", "set it"),
        ("app", {"app_url": NOWHERE}, "Nothing of ours answers", "APP_URL"),
        ("app", {}, "not as our backend", "APP_URL"),
        ("app", {"app_url": "http://"}, "Nothing of ours answers", "APP_URL"),
    ],
)
def test_what_is_broken_is_said_in_words_with_what_to_do(
    ready: World, part: str, changed: dict[str, Any], says: str, do: str
) -> None:
    answer = found(ready.with_settings(**changed), part)

    assert not answer.ok
    assert says in answer.sentence
    assert do in answer.remedy
    assert not any(secret in str(answer) for secret in SECRETS)


def test_a_database_behind_its_code_is_told_with_both_revisions(ready: World) -> None:
    with ready.services.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '0001'"))

    answer = found(ready, "database")

    assert "revision 0001; this code's newest is 0" in answer.sentence
    assert "alembic upgrade head" in answer.remedy


def test_a_database_without_tables_is_told(world: World, empty_database_url: str) -> None:
    answer = found(world.with_settings(database_url=empty_database_url), "database")

    assert "no tables" in answer.sentence
    assert "alembic upgrade head" in answer.remedy


def test_a_queue_without_the_schedule_or_with_a_paused_one_is_told(ready: World) -> None:
    url = f"{ready.services.settings.qstash_url}/v2/schedules"
    account = {"Authorization": f"Bearer {QSTASH_TOKEN}"}

    httpx.patch(f"{url}/rostrum-sweep/pause", headers=account).raise_for_status()
    assert "paused" in found(ready, "queue").sentence
    httpx.delete(f"{url}/rostrum-sweep", headers=account).raise_for_status()
    assert "no schedule" in found(ready, "queue").sentence


def test_a_vendor_that_refuses_is_told_without_its_words(ready: World) -> None:
    said = {"error": {"message": "key test-openai"}}
    # The sweeps of a schedule that other tests left come to the analyst, too.
    refusal = {"kind": "answer", "status": 401, "body": said, "path": "/v1"}
    ready.whisper.misbehave(refusal)
    ready.analyst.misbehave(refusal)

    for part in ("whisper", "claude"):
        assert not found(ready, part).ok
        assert "test-openai" not in str(found(ready, part))


def run(world: World, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.check", *arguments],
        env={**os.environ, **environment(world.services.settings), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_exits_by_what_it_found_and_leaves_out_what_it_is_told(world: World) -> None:
    world.says(verbose_json())
    well = run(world, "--without", "queue,app,claude,storage,whisper")
    ill = run(world, "--without", "queue,claude,storage,whisper", APP_URL=NOWHERE)

    assert (well.returncode, well.stderr) == (0, ""), well.stdout + well.stderr
    assert [line.split()[:2] for line in well.stdout.splitlines()] == [
        ["OK", "settings"],
        ["OK", "keys"],
        ["OK", "database"],
    ]
    assert ill.returncode == 1
    assert ill.stdout.splitlines()[-1].startswith("WRONG  app")


def test_a_setting_that_cannot_be_read_is_named_without_its_value(world: World) -> None:
    done = run(world, LEASE_SECONDS="test-token")

    assert done.returncode == 1
    assert done.stdout.startswith("WRONG  settings  LEASE_SECONDS:")
    assert "test-token" not in done.stdout + done.stderr
    assert run(world, "--without", "nothing").returncode == 2
