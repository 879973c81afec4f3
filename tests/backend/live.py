"""The backend as production runs it: uvicorn in a process of its own, on a real port."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import psutil
import pytest
from pydantic import SecretStr

from local.child import Started, answers, nobody_watches, start, stop, wait_until
from local.ports import free_port
from pipeline.settings import Settings
from tests.standins import StandIn
from tests.talks import tone
from tests.world import World, message, signed


@dataclass(frozen=True)
class Live:
    """A backend that runs."""

    url: str
    pid: int
    log: Path
    client: httpx2.Client

    def upload(
        self, audio: bytes | None = None, *, user_id: str = "ann", key: str | None = None
    ) -> httpx2.Response:
        """Send a recording as the company's app would."""
        return self.client.post(
            "/api/sessions",
            data={"userId": user_id},
            files={"audio": ("talk.wav", audio or tone())},
            headers={"Idempotency-Key": key} if key else {},
        )

    def process(
        self,
        session_id: UUID | str,
        run_id: UUID | None = None,
        *,
        retried: int = 0,
        timeout: float = 30,
    ) -> httpx2.Response:
        """Deliver a session's message as the queue would."""
        body = message(session_id, run_id)
        token = signed(body, f"{self.url}/api/internal/process")
        headers = {"Upstash-Signature": token, "Upstash-Retried": str(retried)}
        return self.client.post(
            "/api/internal/process", content=body, headers=headers, timeout=timeout
        )

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far; each line is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def threads(self) -> int:
        """How many threads it runs."""
        return psutil.Process(self.pid).num_threads()

    @property
    def peak_megabytes(self) -> float:
        """The most memory that it ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024


@contextmanager
def running_backend(
    settings: Settings,
    log: Path,
    *,
    port: int | None = None,
    started: Started = nobody_watches,
    **env: str,
) -> Iterator[Live]:
    """A server on these settings; `APP_URL` is its own address."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "backend.app:create_app",
            "--host=127.0.0.1",
            f"--port={port}",
        ],
        log=log,
        env={**os.environ, **environment(settings), "APP_URL": url, **env},
    )
    started(process, log)
    try:
        wait_until(lambda: answers(f"{url}/healthz"), process, name="The backend", log=log)
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield Live(url, process.pid, log, client)
    finally:
        stop(process)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables of the environment."""
    return {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in settings
        if value is not None
    }


def eventually(what: Callable[[], Any], *, seconds: float = 30) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found


@pytest.fixture
def live(world: World, tmp_path: Path) -> Iterator[Live]:
    """A server on the world's settings, without a queue."""
    with running_backend(world.services.settings, tmp_path / "backend.log") as made:
        yield made


@pytest.fixture
def queued(world: World, qstash: StandIn, tmp_path: Path) -> Iterator[Live]:
    """A server whose queue delivers by itself, and tries again at once."""
    settings = world.with_settings(qstash_url=qstash.url, queue_retry_delay="100").services.settings
    with running_backend(settings, tmp_path / "backend.log") as made:
        yield made
