"""The stand-ins as fixtures: each a process of its own, reached over the wire."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.child import Started, answers, nobody_watches, start, stop, wait_until
from local.ports import free_port
from tests.databases import new_database

QSTASH_TOKEN = "test-token"
CURRENT_KEY = "sig_current_0123456789abcdef01234567"
NEXT_KEY = "sig_next_0123456789abcdef0123456789"
MODELS = Path(__file__).parent.parent / ".data"
"""Shared with the local stack: joining the weights once is enough."""


@dataclass(frozen=True)
class StandIn:
    """A stand-in that runs, and its switches."""

    url: str

    def misbehave(self, *faults: dict[str, Any]) -> None:
        """Set the faults of `local/faults.py`."""
        self._call("PUT", "/_local/faults", list(faults))

    def behave(self) -> None:
        """Back to normal, with no calls remembered."""
        self._call("DELETE", "/_local/faults")
        self._call("DELETE", "/_local/calls")

    def calls(self) -> list[dict[str, str]]:
        """Which calls came: method and path.

        Left out is what a queue brings here that some test pointed at this stand-in: its retries
        come in the middle of other tests.
        """
        seen: list[dict[str, str]] = self._call("GET", "/_local/calls")
        return [call for call in seen if not call["path"].startswith("/api/internal/")]

    def switch(self, path: str, body: Any) -> None:
        """Use a switch that only this stand-in has."""
        self._call("PUT", path, body)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own URL
            self.url + path, data=data, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own URL
            return json.load(response)


@contextmanager
def running(
    module: str,
    *arguments: str,
    log: Path,
    port: int | None = None,
    started: Started = nobody_watches,
    **env: str,
) -> Iterator[StandIn]:
    """A stand-in as a process, up and healthy."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(
        [sys.executable, "-m", module, "--port", str(port), *arguments],
        log=log,
        env={**os.environ, **env},
    )
    started(process, log)
    try:
        wait_until(lambda: answers(f"{url}/healthz"), process, name=module, log=log)
        yield StandIn(url)
    finally:
        stop(process)


@pytest.fixture(scope="session")
def analyst_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The rules analyst."""
    log = tmp_path_factory.mktemp("analyst") / "log"
    with running("local.analyst", log=log) as standin:
        yield standin


@pytest.fixture(scope="session")
def whisper_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The local Whisper server; its model loads with the first real request."""
    log = tmp_path_factory.mktemp("whisper") / "log"
    with running("local.whisper", "--data-dir", str(MODELS), log=log, WHISPER_LAZY="1") as standin:
        yield standin


@pytest.fixture
def analyst(analyst_process: StandIn) -> Iterator[StandIn]:
    """The rules analyst, well-behaved again afterwards."""
    analyst_process.behave()
    yield analyst_process
    analyst_process.behave()


@pytest.fixture
def whisper(whisper_process: StandIn) -> Iterator[StandIn]:
    """The local Whisper server, well-behaved again afterwards."""
    whisper_process.behave()
    yield whisper_process
    whisper_process.behave()


@contextmanager
def running_qstash(
    database_url: str, log: Path, *, port: int | None = None, started: Started = nobody_watches
) -> Iterator[StandIn]:
    """The local QStash server on a database."""
    with running(
        "local.qstash",
        "--database-url",
        database_url,
        log=log,
        port=port,
        started=started,
        QSTASH_TOKEN=QSTASH_TOKEN,
        QSTASH_CURRENT_SIGNING_KEY=CURRENT_KEY,
        QSTASH_NEXT_SIGNING_KEY=NEXT_KEY,
    ) as standin:
        yield standin


@pytest.fixture(scope="session")
def qstash_process(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandIn]:
    """One server for all tests that neither kill it nor count its calls."""
    with running_qstash(
        new_database(postgres_server), tmp_path_factory.mktemp("qstash") / "log"
    ) as standin:
        yield standin


@pytest.fixture
def qstash(empty_database_url: str, tmp_path: Path) -> Iterator[StandIn]:
    """The local QStash server on a database of its own."""
    with running_qstash(empty_database_url, tmp_path / "qstash.log") as standin:
        yield standin
