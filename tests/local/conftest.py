"""The local QStash server for many tests, and a destination for each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from qstash import QStash

from tests.local.destination import Destination, running_destination
from tests.local.queueing import sdk
from tests.standins import StandIn, running_qstash


@pytest.fixture(scope="session")
def qstash_process(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandIn]:
    """One server for all tests that do not kill it: their messages have destinations apart."""
    name = f"qstash_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = f"{postgres_server.rpartition('/')[0]}/{name}"
    with running_qstash(url, tmp_path_factory.mktemp("qstash") / "log") as standin:
        yield standin


@pytest.fixture
def server(qstash_process: StandIn) -> Iterator[StandIn]:
    """The shared server, well-behaved again afterwards."""
    yield qstash_process
    qstash_process.behave()
    qstash_process.switch("/_deliveries", {})


@pytest.fixture
def client(server: StandIn) -> Iterator[QStash]:
    """The real SDK, without retries of its own."""
    with sdk(server.url) as made:
        yield made


@pytest.fixture
def destination() -> Iterator[Destination]:
    """Where messages go."""
    with running_destination() as made:
        yield made
