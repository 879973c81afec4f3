"""Schedules of the local QStash server: made by the real SDK, fired by moving their next time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from qstash import QStash
from qstash.errors import QStashError

from tests.local.destination import Destination
from tests.local.queueing import event, publish, sdk, verify
from tests.standins import running_qstash

EVERY_MINUTE = "* * * * *"
NEVER_SOON = "0 0 1 1 *"


@pytest.fixture
def database(empty_database_url: str) -> str:
    return empty_database_url.replace("+psycopg", "")


@pytest.fixture
def own(empty_database_url: str, tmp_path: Path) -> Iterator[QStash]:
    """A server on a database that the test may look into."""
    with running_qstash(empty_database_url, tmp_path / "log") as standin, sdk(standin.url) as made:
        yield made


def make_due(database: str, schedule_id: str) -> None:
    """As if the clock had come to its next time: cron lines have no seconds."""
    with psycopg.connect(database) as db:
        db.execute(
            "UPDATE qstash.schedules SET next_at = %s WHERE id = %s",
            [time.time() - 3600, schedule_id],
        )


def wait_for_schedules(client: QStash, schedule_id: str) -> int:
    """When it fired last, once it did."""
    deadline = time.monotonic() + 10
    while not (last := client.schedule.get(schedule_id).last_schedule_time):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return last


def test_a_schedule_shows_what_it_was_made_of(client: QStash, destination: Destination) -> None:
    schedule_id = client.schedule.create_json(
        destination=f"{destination.url}/sweep?x=1",
        cron=NEVER_SOON,
        body={"a": 1},
        retries=0,
        label="sweep",
        schedule_id="sweep-1",
        headers={"X-Trace": "t1"},
        delay=5,
    )
    found = client.schedule.get(schedule_id)
    assert (found.schedule_id, found.destination) == ("sweep-1", f"{destination.url}/sweep?x=1")
    assert (found.cron, found.body, found.retries, found.label) == (
        NEVER_SOON,
        '{"a": 1}',
        0,
        "sweep",
    )
    assert (found.delay, found.paused, found.last_schedule_time) == (5, False, None)
    assert found.next_schedule_time is not None
    assert found.next_schedule_time > time.time() * 1000
    assert "sweep-1" in [listed.schedule_id for listed in client.schedule.list()]
    client.schedule.delete("sweep-1")
    with pytest.raises(QStashError, match="404"):
        client.schedule.get("sweep-1")


def test_making_a_schedule_again_replaces_it(client: QStash, destination: Destination) -> None:
    for cron in (NEVER_SOON, EVERY_MINUTE):
        client.schedule.create(destination=destination.url, cron=cron, schedule_id="twice")
    assert [s.cron for s in client.schedule.list() if s.schedule_id == "twice"] == [EVERY_MINUTE]


def test_a_schedule_without_an_id_gets_one(client: QStash, destination: Destination) -> None:
    made = client.schedule.create(destination=destination.url, cron=NEVER_SOON)
    assert made.startswith("scd_")


@pytest.mark.parametrize("wanted", [{"cron": "often"}, {"queue": "q"}, {"destination": "x"}])
def test_a_schedule_that_cannot_be_kept_is_400(
    client: QStash, destination: Destination, wanted: dict[str, Any]
) -> None:
    with pytest.raises(QStashError, match="400"):
        client.schedule.create(**{"destination": destination.url, "cron": NEVER_SOON, **wanted})


def test_a_due_schedule_publishes_once_and_moves_on(
    own: QStash, database: str, destination: Destination
) -> None:
    schedule_id = own.schedule.create(
        destination=destination.url, cron=NEVER_SOON, body="x", content_type="text/plain"
    )
    make_due(database, schedule_id)
    (delivery,) = destination.wait_for(1)
    verify(delivery, destination.url)
    assert delivery.headers["Upstash-Schedule-Id"] == schedule_id
    assert delivery.headers["Content-Type"] == "text/plain"
    # It was due an hour ago: what was missed is made up for once, not sixty times.
    make_due(database, schedule_id)
    destination.wait_for(2)
    assert (own.schedule.get(schedule_id).next_schedule_time or 0) > time.time() * 1000
    event(own, publish(own, destination.url), "DELIVERED")
    assert len(destination.deliveries) == 3


def test_a_delay_of_a_schedule_counts_from_its_firing(
    own: QStash, database: str, destination: Destination
) -> None:
    schedule_id = own.schedule.create(destination=destination.url, cron=NEVER_SOON, delay=1)
    make_due(database, schedule_id)
    fired = wait_for_schedules(own, schedule_id)
    destination.wait_for(1)
    assert time.time() * 1000 >= fired + 1000


def test_a_paused_schedule_waits_and_makes_up_for_nothing(
    own: QStash, database: str, destination: Destination
) -> None:
    paused = own.schedule.create(destination=f"{destination.url}/paused", cron=NEVER_SOON)
    running = own.schedule.create(destination=f"{destination.url}/running", cron=NEVER_SOON)
    own.schedule.pause(paused)
    make_due(database, paused)
    make_due(database, running)
    destination.wait_for(1, path="/running")
    assert own.schedule.get(paused).paused
    own.schedule.resume(paused)
    make_due(database, running)
    destination.wait_for(2, path="/running")
    assert destination.to("/paused") == []
    make_due(database, paused)
    destination.wait_for(1, path="/paused")


def test_a_schedule_survives_a_restart_and_does_not_fire_twice(
    empty_database_url: str, database: str, destination: Destination, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running_qstash(empty_database_url, log) as standin, sdk(standin.url) as client:
        schedule_id = client.schedule.create(destination=destination.url, cron=NEVER_SOON)
        make_due(database, schedule_id)
        destination.wait_for(1)
    with running_qstash(empty_database_url, log) as standin, sdk(standin.url) as client:
        assert client.schedule.get(schedule_id).last_schedule_time
        event(client, publish(client, destination.url), "DELIVERED")
        assert len(destination.deliveries) == 2
    make_due(database, schedule_id)
    with running_qstash(empty_database_url, log):
        destination.wait_for(3)
