"""What only a real server shows: streaming, threads, sockets, and the queue calling by itself."""

from __future__ import annotations

import io
import socket
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import numpy as np
import pytest

from tests.backend.api import problem
from tests.backend.live import Live, eventually, running_backend
from tests.heaps import heaps_of_threads
from tests.recordings import SAMPLE, encoded, speech
from tests.standins import StandIn
from tests.talks import tone, verbose_json
from tests.world import NOBODYS_ID, World, message, signed

DELIVERIES = 45
"""More than the 40 threads that the API's handlers share."""
RECORDED = 6
"""So many of them are of a session that Whisper would be called for; the others wait as they do."""
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'


def blocks(number: int) -> Iterator[bytes]:
    """So many times 64 KiB, of which no length is told."""
    for _ in range(number):
        yield b"x" * 65_536


def silent_hour(minutes: int) -> bytes:
    """A long recording in the largest form: 16-bit PCM."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(32_000 * 60 * minutes))
    return held.getvalue()


def test_the_first_delivery_may_come_while_the_server_prepares_itself(
    world: World, tmp_path: Path
) -> None:
    """Both load the same libraries at the same time."""
    prompt = world.with_settings(prepare_at_start=True).services.settings
    session_id = world.upload()
    with running_backend(prompt, tmp_path / "backend.log") as live:
        answer = live.process(session_id)

        assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
        eventually(lambda: any(line["event"] == "prepared" for line in live.lines()))
        left = [line["part"] for line in live.lines() if line["event"] == "not_prepared"]
    assert left == []


def test_it_says_at_its_start_whom_it_answers_and_logs_only_json(live: Live) -> None:
    live.upload()

    events = [line["event"] for line in live.lines()]

    webhook = f"{live.url}/api/internal/process"
    assert f"Rostrum's backend starts; the queue is told to deliver to {webhook}" in events
    assert "API_TOKEN is not set: the API answers on this machine only" in events
    # Written once the answer has gone, so perhaps a moment after it was read.
    (line,) = eventually(
        lambda: [line for line in live.lines() if line.get("route") == "/api/sessions"]
    )
    assert (line["method"], line["status"], line["code"]) == ("POST", 201, "STORED")
    assert line["session"] == live.client.get("/api/sessions").json()["sessions"][0]["id"]
    assert line["ms"] > 0


@pytest.mark.parametrize("known", [True, False], ids=["known size", "hidden size"])
def test_an_upload_without_end_is_cut_off(world: World, tmp_path: Path, known: bool) -> None:  # noqa: FBT001 - a parameter
    """100 MB are offered where 1 MB is taken: the client still reads why not."""
    strict = world.with_settings(max_upload_mb=1).services.settings
    headers = {**FORM, "Content-Length": str(len(FILE) + 1600 * 65_536)} if known else FORM
    with running_backend(strict, tmp_path / "backend.log") as live:
        before = live.peak_megabytes
        body = chain([FILE], blocks(1600))
        answer = live.client.post("/api/sessions", content=body, headers=headers)
        grown = live.peak_megabytes - before

    assert problem(answer) == (413, "AUDIO_TOO_LARGE")
    assert grown < 20


def test_a_webhook_body_without_end_is_cut_off(live: Live) -> None:
    answer = live.client.post("/api/internal/process", content=blocks(1600))

    assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_a_large_upload_is_streamed_through_not_held(live: Live) -> None:
    live.upload()
    before = live.peak_megabytes
    recording = silent_hour(55)
    assert len(recording) > 100 << 20

    answer = live.upload(recording)

    assert answer.status_code == 201
    assert answer.json()["durationSeconds"] == 55 * 60
    assert live.peak_megabytes - before < 40


def test_a_worker_holds_neither_the_recording_nor_its_copy(world: World, live: Live) -> None:
    """Twelve minutes of sound are fetched, decoded in a child, cut, and sent in parts."""
    live.process(live.upload(tone(3)).json()["id"])
    before = live.peak_megabytes
    recording = encoded("wav 16 bit", np.tile(speech(SAMPLE), 8))
    assert len(recording) > 110 << 20

    session = live.upload(recording).json()
    live.process(session["id"], timeout=110)

    assert live.peak_megabytes - before < 40
    done = shown(live, session["id"])
    assert done["status"] == "COMPLETED"
    assert len(world.whisper.calls()) == 1 + 2, "it was sent in parts"


def test_threads_share_two_heaps_so_that_what_one_has_freed_serves_the_next(live: Live) -> None:
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: live.client.get("/api/sessions"), range(96)))

    assert {answer.status_code for answer in answers} == {200}
    # Beside the process's first heap; each is of 64 MB of addresses, most of them not in use yet.
    assert len(heaps_of_threads(live.pid)) == 1


def test_a_body_that_is_longer_than_it_says_is_not_what_was_signed(live: Live) -> None:
    body = message("00000000-0000-0000-0000-000000000007")
    token = signed(body, f"{live.url}/api/internal/process")

    said = raw(live, body, {"Upstash-Signature": token, "Content-Length": str(len(body) - 1)})

    assert said.split()[1] in {b"400", b"401"}
    assert live.client.get("/healthz").status_code == 200


def raw(live: Live, body: bytes, headers: dict[str, str]) -> bytes:
    """Send just these bytes to the webhook; what comes back first."""
    with webhook_socket(live, body, headers) as held:
        return held.recv(65_536)


def webhook_socket(live: Live, body: bytes, headers: dict[str, str]) -> socket.socket:
    """A connection on which a request was sent, and nothing read."""
    address = urlsplit(live.url)
    held = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30)
    lines = [f"{name}: {value}" for name, value in {"Host": address.netloc, **headers}.items()]
    head = "\r\n".join(["POST /api/internal/process HTTP/1.1", *lines, "", ""])
    held.sendall(head.encode() + body)
    return held


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(live: Live) -> None:
    address = urlsplit(live.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as held:
        held.sendall(
            f"POST /api/sessions HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: 200000\r\n\r\n".encode()
            + FILE
            + b"x" * 100_000
        )

    eventually(lambda: any(line.get("route") == "/api/sessions" for line in live.lines()))
    assert live.client.get("/api/sessions").json()["sessions"] == []
    assert not [line for line in live.lines() if line["event"] == "unforeseen"]


def test_simultaneous_uploads_with_one_key_make_one_session(live: Live) -> None:
    audio = tone()
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(live.upload, audio, key="k1") for _ in range(6)]
        answers = [each.result() for each in sent]

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    (session_id,) = {answer.json()["id"] for answer in answers}
    listed = live.client.get("/api/sessions").json()["sessions"]
    assert [session["id"] for session in listed] == [session_id]


def test_deliveries_that_take_long_leave_the_api_its_threads(world: World, tmp_path: Path) -> None:
    """Many more deliveries than allowed at once, and more than the API has threads."""
    waiting = [world.upload() for _ in range(RECORDED)]
    session_ids = [*waiting, *[UUID(NOBODYS_ID)] * (DELIVERIES - RECORDED)]
    slow = {"kind": "answer", "status": 500, "body": {}, "seconds": 20, "times": None}
    world.whisper.misbehave(slow)
    settings = world.with_settings(pipeline_parallelism=2).services.settings
    with running_backend(settings, tmp_path / "backend.log") as live, ExitStack() as held:
        for session_id in session_ids:
            body = message(session_id)
            token = signed(body, f"{live.url}/api/internal/process")
            headers = {"Upstash-Signature": token, "Content-Length": str(len(body))}
            held.enter_context(webhook_socket(live, body, headers))
        eventually(lambda: len(world.whisper.calls()) == 2)

        begun = time.monotonic()
        for _ in range(5):
            assert live.client.get("/api/sessions").status_code == 200
        assert time.monotonic() - begun < 3
        assert len(world.whisper.calls()) == 2, "no more deliveries at once than allowed"


def test_what_a_trusted_proxy_says_of_the_caller_opens_nothing(
    world: World, tmp_path: Path
) -> None:
    """Uvicorn was told to believe X-Forwarded-For, as container images often do."""
    settings = world.services.settings
    log = tmp_path / "backend.log"
    with running_backend(settings, log, FORWARDED_ALLOW_IPS="*") as live:
        spoofed = live.client.get("/api/sessions", headers={"X-Forwarded-For": "127.0.0.1"})
        plain = live.client.get("/api/sessions")

    assert problem(spoofed) == (401, "UNAUTHORIZED")
    assert plain.status_code == 200


def test_a_learners_id_that_looks_encoded_is_taken_as_it_is(world: World, live: Live) -> None:
    world.upload("%2F")

    answer = live.client.get(f"/api/users/{quote('%2F', safe='')}/pattern-profile")

    assert answer.json()["userId"] == "%2F"


def shown(live: Live, session_id: str) -> Any:
    return live.client.get(f"/api/sessions/{session_id}").json()


def test_an_upload_is_processed_without_anybody_asking(queued: Live) -> None:
    session = queued.upload().json()

    assert session["queued"] is True
    done = eventually(lambda: _ended(queued, session["id"], "COMPLETED"))
    assert done["audioHeld"] is False
    assert done["insights"]
    assert queued.client.get("/readyz").json() == {
        "ok": True,
        "database": "ok",
        "storage": "ok",
        "queue": "ok",
    }


def _ended(live: Live, session_id: str, status: str) -> Any:
    session = shown(live, session_id)
    return session if session["status"] == status else None


def test_trouble_that_passes_ends_in_completed(world: World, queued: Live) -> None:
    trouble = {"kind": "answer", "status": 503, "body": {}, "times": 2}
    heard = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
    world.whisper.misbehave(trouble, heard)

    session_id = queued.upload().json()["id"]

    done = eventually(lambda: _ended(queued, session_id, "COMPLETED"))
    assert done["error"] is None
    assert done["runs"][0]["attempts"] == 3
    failures = [event["errorCode"] for event in done["events"] if event["to"] == "FAILED"]
    assert failures == ["TRANSCRIPTION_UNAVAILABLE"] * 2


def test_what_no_retry_mends_is_delivered_once_and_given_up(world: World, queued: Live) -> None:
    world.whisper.misbehave({"kind": "answer", "status": 400, "body": {}, "times": None})

    session_id = queued.upload().json()["id"]

    failed = eventually(lambda: _given_up(queued, session_id))
    assert failed["error"]["code"] == "TRANSCRIPTION_REJECTED"
    assert failed["runs"][0]["attempts"] == 1
    assert len(world.whisper.calls()) == 1


def test_trouble_that_never_passes_is_given_up_after_three_retries(
    world: World, queued: Live
) -> None:
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}, "times": None})

    session_id = queued.upload().json()["id"]

    failed = eventually(lambda: _given_up(queued, session_id))
    assert failed["error"]["willRetry"] is False
    assert failed["error"]["retryable"] is True
    assert failed["runs"][0]["attempts"] == 4


def _given_up(live: Live, session_id: str) -> Any:
    """The session, once the queue's failure callback was taken."""
    return _answered(live, "/api/internal/failed") == [200] and shown(live, session_id)


def test_a_session_deleted_while_it_waits_makes_the_queue_stop(
    world: World, queued: Live, qstash: StandIn
) -> None:
    """No retries for what is gone, and its failure callback is taken."""
    trouble = {"kind": "answer", "status": 503, "headers": {"retry-after": "2"}, "times": None}
    world.whisper.misbehave(trouble)
    session_id = queued.upload().json()["id"]
    eventually(lambda: _ended(queued, session_id, "FAILED"))

    assert queued.client.delete(f"/api/sessions/{session_id}").status_code == 204

    eventually(lambda: _answered(queued, "/api/internal/failed"))
    assert _answered(queued, "/api/internal/failed") == [200]
    assert _answered(queued, "/api/internal/process") == [503, 489]


def _answered(live: Live, route: str) -> list[int]:
    return [line["status"] for line in live.lines() if line.get("route") == route]
