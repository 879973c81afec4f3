"""A server goes away under the sessions in flight and comes back: all of them end COMPLETED."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.objects import running_objects
from local.ports import free_port
from local.postgres import running_postgres
from pipeline.status import Status
from tests.backend.live import eventually
from tests.databases import migrate
from tests.faults.backends import (
    Server,
    Site,
    completed,
    sweep_until_nothing_moves,
)
from tests.faults.traces import assert_profiles_are_exact
from tests.standins import StandIn, running_qstash
from tests.talks import verbose_json
from tests.world import World

IN_FLIGHT = 20
PARALLELISM = 4
KEYS = ("rostrum", "a-key-of-this-test")


@contextmanager
def working(world: World, queue: StandIn, log: Path, **changed: Any) -> Iterator[Site]:
    """A site whose Whisper takes its time, so that sessions are in flight for a while."""
    heard = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
    world.whisper.misbehave({**heard, "seconds": 0.4})
    site = Site.at(world, queue, log, pipeline_parallelism=PARALLELISM, **changed)
    site.backend.start()
    try:
        yield site
    finally:
        site.backend.stop()


def upload_many(site: Site, number: int = IN_FLIGHT) -> list[UUID]:
    """So many sessions of a few learners."""
    return [site.world.upload(f"learner-{each % 4}") for each in range(number)]


def answered(site: Site, code: str) -> bool:
    """Whether a delivery was answered so."""
    return any(line.get("code") == code for line in site.backend.now.lines())


def assert_all_completed_once(site: Site, session_ids: list[UUID]) -> None:
    details = [site.world.detail(session_id) for session_id in session_ids]
    assert [detail.row.status for detail in details] == [Status.COMPLETED] * len(session_ids)
    assert all(detail.insights and len(detail.runs) == 1 for detail in details)
    assert not any(site.world.is_stored(session_id) for session_id in session_ids)
    assert_profiles_are_exact(site.world)


@pytest.mark.chaos
@pytest.mark.timeout(240)
@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_postgres_may_go_away_under_sessions_in_flight(
    world: World,
    qstash: StandIn,
    empty_database_url: str,
    folder: Path,
    killed: bool,  # noqa: FBT001 - a parameter
) -> None:
    port = free_port()
    postgres = Server(lambda started: running_postgres(folder / "data", port=port, started=started))
    url = postgres.start()
    migrate(url)
    with working(world, qstash, folder / "log", database_url=url) as site:
        session_ids = upload_many(site)
        eventually(lambda: completed(site.world) >= 3)

        if killed:
            postgres.kill()
        else:
            postgres.stop()
        eventually(lambda: answered(site, "DATABASE_UNAVAILABLE"))
        postgres.start()

        sweep_until_nothing_moves(site, empty_database_url)
        assert_all_completed_once(site, session_ids)
        site.world.services.close()
    postgres.stop()


@pytest.mark.chaos
@pytest.mark.timeout(240)
def test_the_storage_may_go_away_under_sessions_in_flight(
    world: World, qstash: StandIn, empty_database_url: str, folder: Path, tmp_path: Path
) -> None:
    port = free_port()
    storage = Server(lambda started: running_objects(folder, port=port, keys=KEYS, started=started))
    server = storage.start()
    reached = {
        "r2_endpoint_url": server.endpoint_url,
        "r2_access_key_id": server.access_key_id,
        "r2_secret_access_key": server.secret_access_key,
    }
    with working(world, qstash, tmp_path / "log", **reached) as site:
        session_ids = upload_many(site)
        eventually(lambda: completed(site.world) >= 3)

        storage.kill()
        eventually(lambda: answered(site, "STORAGE_UNAVAILABLE"))
        storage.start()

        sweep_until_nothing_moves(site, empty_database_url)
        assert_all_completed_once(site, session_ids)
    storage.stop()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [6, pytest.param(IN_FLIGHT, marks=pytest.mark.chaos)])
def test_the_queue_may_be_killed_with_messages_waiting(
    world: World, empty_database_url: str, tmp_path: Path, number: int
) -> None:
    """What is uploaded meanwhile is stored, and published by the sweeper."""
    port = free_port()
    queue = Server(
        lambda started: running_qstash(
            empty_database_url, tmp_path / "qstash.log", port=port, started=started
        )
    )
    with working(world, queue.start(), tmp_path / "log") as site:
        session_ids = upload_many(site, number)
        eventually(lambda: completed(site.world) >= 1)

        queue.kill()
        unheard = site.world.upload("learner-1")
        assert not site.world.detail(unheard).row.queued
        queue.start()

        sweep_until_nothing_moves(site, empty_database_url)
        assert_all_completed_once(site, [*session_ids, unheard])
    queue.stop()
