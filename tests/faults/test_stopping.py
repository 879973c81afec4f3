"""SIGTERM: work that can be finished is, the rest is handed back, and nothing new is begun."""

from __future__ import annotations

import base64
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.queue import RETRIES
from pipeline.status import Stage, Status
from pipeline.watch import RESTART_SECONDS
from tests.backend.api import problem
from tests.backend.live import Live, eventually
from tests.backend.test_live_server import webhook_socket
from tests.faults.backends import Server, Site, backend_at, own_address
from tests.faults.traces import assert_profiles_are_exact, trace
from tests.local.queueing import sdk
from tests.standins import StandIn
from tests.talks import verbose_json
from tests.world import World, message, signed

TO_EXIT_SECONDS = 5.0
"""A process is gone so long after its grace at the latest."""
ENDED = -signal.SIGTERM
"""Uvicorn shuts down, then lets the signal end the process: not a kill, not an exit by error."""
HEARD = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
DONE = {"ok": True, "status": "COMPLETED"}


def backend(world: World, folder: Path, *, grace: int, **changed: int) -> Server[Live]:
    """A backend of this grace, without a queue."""
    placed = world.with_settings(app_url=own_address(), stop_grace_seconds=grace, **changed)
    return backend_at(placed.services.settings, folder / "backend.log")


@pytest.fixture
def patient(world: World, tmp_path: Path) -> Iterator[Server[Live]]:
    """A backend with one thread for deliveries, and a grace that suffices for one."""
    made = backend(world, tmp_path, grace=15, pipeline_parallelism=1)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def hasty(world: World, tmp_path: Path) -> Iterator[Server[Live]]:
    """A backend whose grace suffices for nothing."""
    made = backend(world, tmp_path, grace=1)
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(60)
def test_what_is_under_way_is_finished_and_what_waits_is_not_begun(
    world: World, patient: Server[Live]
) -> None:
    """Three messages for one thread: the second and third are told to come again."""
    world.whisper.misbehave({**HEARD, "seconds": 2})
    first, *others = (world.upload() for _ in range(3))
    under_way = sent(patient.now, first)
    eventually(world.whisper.calls)
    waiting = [sent(patient.now, session_id) for session_id in others]
    for _ in range(3):
        # Each answer takes a turn of the server's loop, which reads what was sent before.
        assert patient.now.client.get("/healthz").status_code == 200

    status = patient.terminate(within=15 + TO_EXIT_SECONDS)

    assert status == ENDED
    assert answer_on(under_way) == (200, DONE)
    for held in waiting:
        told, body = answer_on(held)
        assert (told, body["code"]) == (503, "INTERRUPTED")
    rows = [world.detail(session_id).row for session_id in (first, *others)]
    assert [row.status for row in rows] == [Status.COMPLETED, Status.UPLOADED, Status.UPLOADED]
    assert [row.attempts for row in rows] == [1, 0, 0]
    assert len(world.whisper.calls()) == 1


def sent(live: Live, session_id: UUID) -> socket.socket:
    """A delivery whose last byte is with the server."""
    body = message(session_id)
    token = signed(body, f"{live.url}/api/internal/process")
    return webhook_socket(
        live, body, {"Upstash-Signature": token, "Content-Length": str(len(body))}
    )


def answer_on(held: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and body of the answer that came."""
    with held, held.makefile("rb") as stream:
        head, _, body = stream.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.timeout(60)
def test_what_takes_longer_than_the_grace_is_handed_back_and_finished_by_the_next_process(
    world: World, hasty: Server[Live]
) -> None:
    undisturbed = world.complete("undisturbed")
    session_id = world.upload("disturbed")
    world.whisper.misbehave({"kind": "hang"}, HEARD)
    asked = len(world.whisper.calls())
    with ThreadPoolExecutor(1) as pool:
        delivery = pool.submit(hasty.now.process, session_id)
        eventually(lambda: len(world.whisper.calls()) > asked)
        status = hasty.terminate(within=1 + TO_EXIT_SECONDS)
        told = delivery.result()

    assert status == ENDED
    assert problem(told) == (503, "INTERRUPTED")
    assert int(told.headers["retry-after"]) == RESTART_SECONDS
    handed_back = world.detail(session_id).row
    assert (handed_back.status, handed_back.stage) == (Status.PROCESSING, Stage.TRANSCRIBING)
    assert handed_back.error is None, "nothing failed"

    finished = hasty.start().process(session_id, retried=1)

    assert (finished.status_code, finished.json()) == (200, DONE), "the lease was given back"
    assert trace(world, session_id) == trace(world, undisturbed)


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_a_restart_under_load_costs_no_session_anything(
    world: World, qstash: StandIn, tmp_path: Path
) -> None:
    """Twelve sessions, a grace for some of them, and the queue brings the rest to the next."""
    world.whisper.misbehave({**HEARD, "seconds": 1})
    site = Site.at(world, qstash, tmp_path / "log", stop_grace_seconds=1, pipeline_parallelism=3)
    site.backend.start()
    try:
        session_ids = [site.world.upload(f"learner-{number % 4}") for number in range(12)]
        eventually(lambda: len(world.whisper.calls()) >= 4)
        assert site.backend.terminate(within=1 + TO_EXIT_SECONDS) == ENDED
        site.backend.start()
        for session_id in session_ids:
            site.wait_for(session_id, Status.COMPLETED, seconds=60)
    finally:
        site.backend.stop()

    failures = [
        event.error_code
        for session_id in session_ids
        for event in world.detail(session_id).events
        if event.to_status is Status.FAILED
    ]
    assert failures == []
    most = 12 + 3
    assert 12 <= len(world.whisper.calls()) <= most, "an answer is lost for what was handed back"
    assert 12 <= len(world.analyst.calls()) <= most
    assert_profiles_are_exact(world)


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_a_stop_during_the_last_retry_leaves_the_session_to_the_sweeper(
    world: World, qstash: StandIn, tmp_path: Path
) -> None:
    """The queue buries the message; what was handed back is no failure, and goes on."""
    undisturbed = world.complete("undisturbed")
    asked = len(world.whisper.calls())
    failing = {"kind": "answer", "status": 503, "body": {}, "times": RETRIES}
    world.whisper.misbehave(failing, {"kind": "hang"}, HEARD)
    site = Site.at(world, qstash, tmp_path / "log", queue_retry_delay="100", stop_grace_seconds=0)
    site.backend.start()
    try:
        session_id = site.world.upload("disturbed")
        eventually(lambda: len(world.whisper.calls()) == asked + RETRIES + 1)
        site.backend.terminate(within=TO_EXIT_SECONDS)
        live = site.backend.start()
        eventually(lambda: _is_buried(qstash))
        assert _told_that_it_is_dead(live, session_id) == {"ok": True, "marked": False}
        assert site.status(session_id) is Status.PROCESSING

        assert site.sweep_ahead().resumed == 1

        site.wait_for(session_id, Status.COMPLETED)
    finally:
        site.backend.stop()
    assert trace(world, session_id) == trace(world, undisturbed)


def _is_buried(qstash: StandIn) -> bool:
    with sdk(qstash.url) as client:
        return bool(client.dlq.list().messages)


def _told_that_it_is_dead(live: Live, session_id: UUID) -> dict[str, bool]:
    """The failure callback. The queue's own may have met the server on its way out."""
    source = base64.b64encode(message(session_id)).decode()
    body = json.dumps({"sourceBody": source}).encode()
    headers = {"Upstash-Signature": signed(body, f"{live.url}/api/internal/failed")}
    answer = live.client.post("/api/internal/failed", content=body, headers=headers)
    told: dict[str, bool] = answer.json()
    return told
