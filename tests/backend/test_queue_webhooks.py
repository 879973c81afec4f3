"""The queue's other webhooks: a run that was given up, and the sweeper."""

from __future__ import annotations

import base64
import json
from uuid import UUID

import pytest

from pipeline import intake
from pipeline.status import Outcome, Scope, Status
from tests.backend.api import Api, problem
from tests.world import NOBODYS_ID, message


def callback(session_id: UUID | str, run_id: UUID | None = None) -> bytes:
    return json.dumps(
        {
            "status": 503,
            "header": {},
            "body": "",
            "retried": 3,
            "maxRetries": 3,
            "dlqId": "dlq_1",
            "sourceMessageId": "msg_1",
            "url": "http://127.0.0.1:8000/api/internal/process",
            "method": "POST",
            "sourceHeader": {},
            "sourceBody": base64.b64encode(message(session_id, run_id)).decode(),
            "notBefore": 0,
            "createdAt": 0,
        }
    ).encode()


def failing(api: Api) -> UUID:
    api.world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}, "times": 1})
    session_id = api.world.upload()
    api.process(session_id)
    return session_id


def test_a_given_up_run_is_dead(api: Api) -> None:
    session_id = failing(api)
    run_id = api.world.detail(session_id).runs[0].id

    answer = api.webhook("failed", callback(session_id, run_id))

    assert answer.json() == {"ok": True, "marked": True}
    detail = api.world.detail(session_id)
    assert detail.row.status is Status.FAILED
    assert detail.row.error is not None
    assert detail.row.error.code == "TRANSCRIPTION_UNAVAILABLE"
    assert detail.row.error.will_retry is False
    assert detail.runs[0].outcome is Outcome.FAILED


def test_a_run_that_no_delivery_ever_reached_is_failed_and_may_be_run_again(api: Api) -> None:
    session_id = api.world.upload()

    api.webhook("failed", callback(session_id))

    row = api.world.detail(session_id).row
    assert row.status is Status.FAILED
    assert row.error is not None
    assert row.error.retryable
    intake.rerun(api.world.services, session_id, scope=Scope.FULL, requested_by="qa")
    assert api.process(session_id).json()["status"] == "COMPLETED"


def test_the_callback_of_a_stale_run_is_ignored(api: Api) -> None:
    session_id = api.world.complete()
    old = api.world.detail(session_id).runs[0].id
    intake.rerun(api.world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")

    answer = api.webhook("failed", callback(session_id, old))

    assert answer.json() == {"ok": True, "marked": False}
    assert api.world.detail(session_id).row.status is Status.COMPLETED


@pytest.mark.parametrize("session_id", [UUID(NOBODYS_ID)])
def test_the_callback_of_an_unknown_session_is_ignored(api: Api, session_id: UUID) -> None:
    assert api.webhook("failed", callback(session_id)).json()["marked"] is False


def test_a_completed_session_is_not_touched_by_a_late_callback(api: Api) -> None:
    session_id = api.world.complete()

    assert api.webhook("failed", callback(session_id)).json()["marked"] is False
    assert api.world.detail(session_id).row.status is Status.COMPLETED


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", b'{"sourceBody": null}', b'{"sourceBody": 5}'],
)
def test_what_is_no_failure_callback_is_a_bad_request(api: Api, body: bytes) -> None:
    assert problem(api.webhook("failed", body)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("given_up", [b"", b"not json", b"{}", b'{"sessionId": "not-an-id"}'])
def test_a_given_up_message_that_names_no_session_is_ignored(api: Api, given_up: bytes) -> None:
    """Such a message was refused; refusing its callback, too, would only bring that again."""
    body = json.dumps({"sourceBody": base64.b64encode(given_up).decode()}).encode()

    answer = api.webhook("failed", body)

    assert (answer.status_code, answer.json()) == (200, {"ok": True, "marked": False})


def test_a_sweep_says_what_it_did(api: Api) -> None:
    api.world.upload()
    api.world.clock.move(minutes=1)

    answer = api.webhook("sweep", b"")

    assert answer.json() == {
        "ok": True,
        "published": 0,
        "resumed": 0,
        "givenUp": 0,
        "expired": 0,
        "audioDeleted": 0,
        "wordsRemoved": 0,
        "sessionsDeleted": 0,
        "orphansDeleted": 0,
        "told": 0,
        "jobsContinued": 0,
        "failures": 1,
    }, "the world's queue answers nobody, so the run could not be published"
