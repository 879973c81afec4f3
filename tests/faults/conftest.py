"""Fixtures for injected faults: a storage whose wire can be broken, a backend to be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.objects import ObjectsServer
from tests.backend.api import Api, open_api
from tests.faults.backends import Site
from tests.faults.troubles import TELLTALE
from tests.standins import StandIn, running
from tests.world import World


@pytest.fixture(scope="session")
def storage_door_process(
    objects: ObjectsServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandIn]:
    """A door in front of the S3 server."""
    log = tmp_path_factory.mktemp("door") / "log"
    with running("tests.faults.door", "--to", objects.endpoint_url, log=log) as door:
        yield door


@pytest.fixture
def storage_door(storage_door_process: StandIn) -> Iterator[StandIn]:
    """The door, well-behaved again afterwards."""
    storage_door_process.behave()
    yield storage_door_process
    storage_door_process.behave()


@pytest.fixture
def doored(world: World, storage_door: StandIn) -> World:
    """A world whose storage is reached through the door."""
    return world.with_settings(r2_endpoint_url=storage_door.url)


@pytest.fixture
def doored_api(doored: World) -> Iterator[Api]:
    """The application, its storage behind the door."""
    yield from open_api(doored)


@pytest.fixture
def nothing_of_a_vendor_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a vendor says may hold what a learner said."""
    yield
    assert TELLTALE not in "".join(str(vars(record)) for record in caplog.records)


@pytest.fixture
def site(world: World, qstash: StandIn, tmp_path: Path) -> Iterator[Site]:
    """A backend that runs, with a queue that delivers to it."""
    made = Site.at(world, qstash, tmp_path / "backend.log")
    made.backend.start()
    yield made
    made.backend.stop()


REPORTS = pytest.StashKey[list[str]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say something that is printed when all tests are over."""
    return request.config.stash.setdefault(REPORTS, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for text in terminalreporter.config.stash.get(REPORTS, []):
        terminalreporter.section("measured")
        terminalreporter.write_line(text)
