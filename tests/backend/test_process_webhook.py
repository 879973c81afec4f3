"""`POST /api/internal/process`: every row of the contract's table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from pipeline import intake
from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.status import Scope, Stage, Status
from tests.backend.api import Api, open_api, problem
from tests.standins import CURRENT_KEY, NEXT_KEY
from tests.talks import tone, verbose_json
from tests.world import message, signed

URL = "http://127.0.0.1:8000/api/internal/process"
NON_RETRYABLE = "Upstash-NonRetryable-Error"


def vendor_answers(status: int, **headers: str) -> dict[str, Any]:
    return {
        "kind": "answer",
        "status": status,
        "headers": headers,
        "body": {"error": {"message": "no"}},
        "times": None,
    }


def test_a_good_delivery_is_done(api: Api) -> None:
    session_id = api.world.upload()

    answer = api.process(session_id)

    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "status": "COMPLETED"}
    assert api.world.detail(session_id).row.status is Status.COMPLETED


@pytest.mark.parametrize("key", [CURRENT_KEY, NEXT_KEY])
def test_both_signing_keys_are_good(api: Api, key: str) -> None:
    body = message(api.world.complete())

    answer = api.webhook("process", body, token=signed(body, URL, key=key))

    assert answer.json() == {"ok": True, "duplicate": True}


BODY = message(UUID(int=7))
FORGED: dict[str, Callable[[], str | None]] = {
    "none": lambda: None,
    "empty": lambda: "",
    "garbage": lambda: "not.a.token",
    "another key": lambda: signed(BODY, URL, key="sig_somebody_else_0123456789abcdef"),
    "expired": lambda: signed(BODY, URL, exp=int(time.time()) - 60),
    "not valid yet": lambda: signed(BODY, URL, nbf=int(time.time()) + 60),
    "for another URL": lambda: signed(BODY, "http://127.0.0.1:8000/api/internal/failed"),
    "for another host": lambda: signed(BODY, "https://evil.example/api/internal/process"),
    "for another body": lambda: signed(b"{}", URL),
    "without a body claim": lambda: signed(BODY, URL, body=None),
    "with a body claim that is no text": lambda: signed(BODY, URL, body=5),
    "without a subject": lambda: signed(BODY, URL, sub=None),
    "of another issuer": lambda: signed(BODY, URL, iss="Somebody"),
    "without an expiry": lambda: signed(BODY, URL, exp=None),
}
"""Minted when they are used: a token lives for minutes."""


@pytest.mark.parametrize("mint", FORGED.values(), ids=FORGED.keys())
def test_a_delivery_that_is_not_rightly_signed_is_unauthorized(
    api: Api, mint: Callable[[], str | None]
) -> None:
    assert problem(api.webhook("process", BODY, token=mint())) == (401, "UNAUTHORIZED")


def test_an_unsigned_algorithm_is_unauthorized(api: Api) -> None:
    head = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    payload = signed(BODY, URL).split(".")[1]

    answer = api.webhook("process", BODY, token=f"{head}.{payload}.")

    assert problem(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("skew", [-5, 5])
def test_a_clock_that_is_five_seconds_off_does_no_harm(api: Api, skew: int) -> None:
    body = message(api.world.complete())
    now = int(time.time()) + skew
    token = signed(body, URL, iat=now, nbf=now, exp=now + 1)

    assert api.webhook("process", body, token=token).status_code == 200


def test_a_tampered_body_is_unauthorized(api: Api) -> None:
    token = signed(BODY, URL)

    assert problem(api.webhook("process", BODY + b" ", token=token)) == (401, "UNAUTHORIZED")


def test_a_body_that_is_not_utf_8_is_a_bad_request_when_signed(api: Api) -> None:
    assert problem(api.webhook("process", b"\xff\xfe{}")) == (400, "BAD_REQUEST")


def test_a_body_above_64_kib_is_too_large(api: Api) -> None:
    body = b'{"sessionId": "' + b"x" * 65_536 + b'"}'

    assert problem(api.webhook("process", body)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"null",
        b'"text"',
        b'{"sessionId": ""}',
        b'{"sessionId": null}',
        b'{"sessionId": 5}',
        b'{"sessionId": ["a"]}',
        b'{"sessionId": {"a": 1}}',
        b'{"sessionId": "x", "runId": "not a run"}',
    ],
)
def test_a_signed_message_that_says_nothing_is_a_bad_request(api: Api, body: bytes) -> None:
    assert problem(api.webhook("process", body)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("session_id", [str(uuid4()), "not-an-id"])
def test_an_unknown_session_is_not_retried(api: Api, session_id: str) -> None:
    answer = api.process(session_id)

    assert problem(answer) == (489, "NOT_FOUND")
    assert answer.headers[NON_RETRYABLE] == "true"


def test_a_deleted_session_is_not_retried(api: Api) -> None:
    session_id = api.world.upload()
    api.client.delete(f"/api/sessions/{session_id}")

    assert problem(api.process(session_id)) == (489, "NOT_FOUND")


def test_a_completed_session_is_a_duplicate(api: Api) -> None:
    answer = api.process(api.world.complete())

    assert (answer.status_code, answer.json()) == (200, {"ok": True, "duplicate": True})


def test_a_message_of_an_older_run_is_a_duplicate(api: Api) -> None:
    session_id = api.world.complete()
    old = api.world.detail(session_id).runs[0].id
    intake.rerun(api.world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")

    answer = api.process(session_id, old)

    assert (answer.status_code, answer.json()) == (200, {"ok": True, "duplicate": True})


def test_a_live_lease_tells_how_long_to_wait(api: Api) -> None:
    """A worker claimed the session and died: its lease lives on for a while."""
    session_id = api.world.upload()
    with transaction(api.world.services.engine) as db:
        leases.claim(
            db,
            session_id,
            run_id=None,
            stage=Stage.DOWNLOADING,
            lease_seconds=60,
            now=api.world.clock(),
        )

    answer = api.process(session_id)

    assert problem(answer) == (503, "LEASE_HELD")
    assert 50 <= int(answer.headers["Retry-After"]) <= 60
    api.world.clock.move(seconds=61)
    assert api.process(session_id).json()["status"] == "COMPLETED"


def test_database_trouble_is_retried(api: Api) -> None:
    session_id = api.world.upload()
    away = api.world.with_settings(database_url="postgresql://x:y@127.0.0.1:9/z")
    for other in open_api(away):
        assert problem(other.process(session_id)) == (503, "DATABASE_UNAVAILABLE")


def test_what_no_retry_can_mend_is_not_retried(api: Api) -> None:
    session_id = api.world.upload(audio=tone(silent=True))

    answer = api.process(session_id)

    assert problem(answer) == (489, "NO_SPEECH")
    assert answer.headers[NON_RETRYABLE] == "true"
    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert shown["status"] == "FAILED"
    assert shown["error"] == {
        "code": "NO_SPEECH",
        "message": shown["errorMessage"],
        "retryable": False,
        "willRetry": False,
    }


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("OPENAI_API_KEY", "openai_api_key"),
        ("ANTHROPIC_API_KEY", "anthropic_api_key"),
        ("R2_BUCKET_NAME", "r2_bucket_name"),
    ],
)
def test_a_missing_variable_is_named(api: Api, name: str, field: str) -> None:
    session_id = api.world.upload()
    for poor in open_api(api.world.with_settings(**{field: None})):
        answer = poor.process(session_id)
        assert problem(answer) == (500, "CONFIGURATION")
        assert answer.json()["error"] == f"Missing required environment variable: {name}"
    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert error["retryable"] is True


def test_missing_signing_keys_refuse_every_delivery(api: Api) -> None:
    for poor in open_api(api.world.with_settings(qstash_next_signing_key=None)):
        assert problem(poor.process(uuid4())) == (500, "CONFIGURATION")


def test_the_unforeseen_is_retried_and_keeps_its_cause_to_itself(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = api.world.upload()
    with transaction(api.world.services.engine) as db:
        db.execute(text("ALTER TABLE transcripts ADD CHECK (text NOT LIKE '%hospital%') NOT VALID"))

    answer = api.process(session_id)

    assert problem(answer) == (500, "INTERNAL")
    assert "hospital" not in answer.text
    assert "hospital" not in caplog.text
    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert (error["code"], error["willRetry"]) == ("INTERNAL", True)


def test_the_last_retry_is_known_by_its_count(api: Api) -> None:
    api.world.whisper.misbehave(vendor_answers(500))
    session_id = api.world.upload()

    api.process(session_id, headers={"Upstash-Retried": "3"})

    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert error["willRetry"] is False


@pytest.mark.parametrize("retried", ["", "-1", "x", "²", "1.5"])
def test_a_strange_retry_count_does_no_harm(api: Api, retried: str) -> None:
    answer = api.process(api.world.complete(), headers={"Upstash-Retried": retried.encode()})

    assert answer.status_code == 200


def test_a_finished_delivery_is_counted(api: Api) -> None:
    api.world.says(verbose_json())
    api.process(api.world.upload())

    assert 'rostrum_deliveries_total{outcome="COMPLETED"} 1.0' in api.client.get("/metrics").text
