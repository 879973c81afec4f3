"""No pooled connection is checked out, and no transaction open, while a vendor is called."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pipeline.storage import audio_key
from tests.backend.api import Api, open_api
from tests.standins import StandIn
from tests.talks import tone, verbose_json
from tests.world import World

SLOWLY = 1.0
"""Seconds that the vendor takes, in which the pool is looked at."""


@pytest.fixture
def api(doored: World, qstash: StandIn) -> Iterator[Api]:
    """The application with every vendor behind a switch."""
    yield from open_api(doored.with_settings(qstash_url=qstash.url))


def test_no_connection_is_held_while_a_vendor_is_waited_for(
    api: Api, storage_door: StandIn, qstash: StandIn, database_url: str
) -> None:
    world = api.world
    waiting = [world.upload() for _ in range(4)]
    announced = _announced(api)
    calls: dict[str, tuple[StandIn, str, Callable[[], Any]]] = {
        "analyse": (world.analyst, "POST", lambda: api.process(waiting[1])),
        "fetch": (storage_door, "GET", lambda: api.process(waiting[2])),
        "delete": (storage_door, "DELETE", lambda: api.process(waiting[3])),
        "store an upload": (storage_door, "PUT", api.upload),
        "publish an upload": (qstash, "POST", api.upload),
        "look at a direct upload": (
            storage_door,
            "HEAD",
            lambda: api.client.post(f"/api/sessions/{announced}/uploaded"),
        ),
        "delete a session": (
            storage_door,
            "DELETE",
            lambda: api.client.delete(f"/api/sessions/{api.upload().json()['id']}"),
        ),
        "sweep": (storage_door, "GET", lambda: api.webhook("sweep", b"")),
        "transcribe": (world.whisper, "POST", lambda: api.process(waiting[0])),
    }

    held = {
        name: _held_during(api, vendor, method, act, database_url)
        for name, (vendor, method, act) in calls.items()
    }

    assert held == dict.fromkeys(calls, (0, 0))


def _announced(api: Api) -> str:
    """A session whose recording is stored and waits to be confirmed."""
    wanted = {"userId": "ann", "contentType": "audio/wav", "sizeBytes": len(tone())}
    session_id: str = api.client.post("/api/sessions/uploads", json=wanted).json()["id"]
    storage = api.world.services.storage
    storage.put(audio_key(UUID(session_id)), io.BytesIO(tone()), content_type="audio/wav")
    return session_id


def _held_during(
    api: Api, vendor: StandIn, method: str, act: Callable[[], Any], database_url: str
) -> tuple[int, int]:
    """Connections checked out, and busy by Postgres' own account, while the vendor is slow."""
    before = len(_calls(vendor, method))
    slow = {"kind": "slow", "seconds": SLOWLY, "method": method}
    # The one stand-in that must be told what to answer.
    heard = {"kind": "answer", "status": 200, "body": verbose_json(), "seconds": SLOWLY}
    vendor.misbehave(heard if vendor is api.world.whisper else slow)
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        while len(_calls(vendor, method)) == before:
            assert not acting.done(), acting.result()
            time.sleep(0.02)
        checked_out: int = api.services.engine.pool.checkedout()  # type: ignore[attr-defined] # QueuePool's own
        busy = _busy_connections(database_url)
        assert not acting.done(), "the pool was looked at too late"
        assert acting.result().status_code < 300
    return checked_out, busy


def _calls(vendor: StandIn, method: str) -> list[dict[str, str]]:
    return [call for call in vendor.calls() if call["method"] == method]


def _busy_connections(database_url: str) -> int:
    """How many others have a statement or a transaction under way."""
    plain = database_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        ).fetchone()
    assert row
    return int(row[0])
