"""The local QStash server for many tests, and a destination for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qstash import QStash

from tests.local.destination import Destination, running_destination
from tests.local.queueing import sdk
from tests.standins import StandIn


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
