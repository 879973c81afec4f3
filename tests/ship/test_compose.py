"""The stack of containers, as the real Compose reads it. No container engine runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import UnsafeConfiguration
from tests.stack import ROOT
from tests.world import make_settings

BIN = Path(sys.executable).parent
OURS = ("backend", "dashboard", "migrate", "reachable", "schedule")
SERVING = ("backend", "dashboard")


def compose(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """One call of Docker Compose on our file."""
    return subprocess.run(
        [str(BIN / "docker-compose"), *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@cache
def services() -> Mapping[str, Mapping[str, Any]]:
    """Every service, with defaults filled in and anchors resolved."""
    read = compose("--profile", "whisper", "config", "--format", "json")
    assert read.returncode == 0, read.stderr
    found: Mapping[str, Mapping[str, Any]] = json.loads(read.stdout)["services"]
    return found


def test_compose_finds_nothing_wrong_without_any_variable_set() -> None:
    checked = compose("config", "--quiet")

    assert (checked.returncode, checked.stderr) == (0, "")


def test_whisper_here_is_a_choice() -> None:
    usual = compose("config", "--services").stdout.split()

    assert set(services()) - set(usual) == {"whisper"}


def test_every_port_is_of_this_machine_only() -> None:
    published = {
        (name, port["host_ip"], port["published"])
        for name, service in services().items()
        for port in service.get("ports", [])
    }

    assert published == {
        ("backend", "127.0.0.1", "8000"),
        ("sign-in", "127.0.0.1", "8501"),
        ("sign-in", "127.0.0.1", "5556"),
    }


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_next_to_nothing(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("volumes"), "nothing of the host, and nothing that is kept"


def test_every_container_has_a_limit_of_memory() -> None:
    assert [name for name, service in services().items() if not service.get("mem_limit")] == []


def test_every_image_of_others_is_held_to_a_version() -> None:
    images = {
        name: service["image"] for name, service in services().items() if "build" not in service
    }
    # Upstash publishes its development server without versions.
    del images["queue"]

    assert [image for image in images.values() if image.endswith(":latest")] == []
    assert all(":" in image for image in images.values())


def test_the_queues_image_can_be_held_to_a_digest() -> None:
    digest = "public.ecr.aws/upstash/qstash@sha256:" + "0" * 64

    read = compose("config", "--format", "json", QSTASH_IMAGE=digest)

    assert json.loads(read.stdout)["services"]["queue"]["image"] == digest


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_starts_on_migrated_tables_beside_a_storage_and_a_queue_that_answer(
    name: str,
) -> None:
    waits = {other: how["condition"] for other, how in services()[name]["depends_on"].items()}

    assert waits["migrate"] == "service_completed_successfully"
    assert waits["reachable"] == "service_completed_successfully"
    migrate = services()["migrate"]["depends_on"]
    assert migrate["postgres"]["condition"] == "service_healthy"


def test_the_sweepers_schedule_waits_for_a_backend_that_answers() -> None:
    assert services()["schedule"]["depends_on"]["backend"]["condition"] == "service_healthy"


def test_a_stopped_backend_has_longer_than_its_grace() -> None:
    seconds = services()["backend"]["stop_grace_period"]

    assert seconds == "40s"
    assert make_settings().stop_grace_seconds < 40


def test_production_refuses_the_development_queues_keys() -> None:
    given = services()["backend"]["environment"]
    settings = make_settings(
        app_env="production",
        app_url="https://rostrum.example.com",
        api_token="a-token",
        qstash_current_signing_key=given["QSTASH_CURRENT_SIGNING_KEY"],
        qstash_next_signing_key=given["QSTASH_NEXT_SIGNING_KEY"],
    )

    with pytest.raises(UnsafeConfiguration, match="public development key"):
        settings.guard_production()
