"""`POST /api/internal/process`: every row of the contract's table."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from pipeline import intake
from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.status import Scope, Status
from tests.backend.api import Api, open_api, problem
from tests.talks import tone, verbose_json
from tests.world import NOBODYS_ID

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


@pytest.mark.parametrize("session_id", [NOBODYS_ID, "not-an-id"])
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
        assert problem(poor.process(NOBODYS_ID)) == (500, "CONFIGURATION")


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
