"""What Prometheus reads and what the request log tells: routes, outcomes, ids, and nothing else."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest

from tests.backend.api import Api
from tests.talks import tone, verbose_json
from tests.world import message


def figures(api: Api, name: str) -> dict[str, float]:
    """The series of one metric: labels → value."""
    lines = api.client.get("/metrics").text.splitlines()
    found = {}
    for line in lines:
        series, _, value = line.rpartition(" ")
        if series.partition("{")[0] == name:
            found[series.removeprefix(name)] = float(value)
    return found


def test_requests_are_timed_by_route_not_by_address(api: Api) -> None:
    session_id = api.world.upload("Zebulon")
    for at in (f"/api/sessions/{session_id}", "/api/users/Zebulon/export", "/api/users/X/export"):
        api.client.get(at)

    counted = figures(api, "rostrum_request_seconds_count")

    assert counted['{method="GET",route="/api/sessions/{id}",status="200"}'] == 1
    assert counted['{method="GET",route="/api/users/{id:path}/export",status="200"}'] == 1
    assert counted['{method="GET",route="/api/users/{id:path}/export",status="404"}'] == 1
    assert "Zebulon" not in api.client.get("/metrics").text


def test_addresses_and_methods_that_nobody_knows_make_no_series_of_their_own(api: Api) -> None:
    for number in range(5):
        api.client.request(f"WORD{number}", f"/nowhere/{number}")

    series = figures(api, "rostrum_request_seconds_count")

    assert series == {'{method="other",route="unknown",status="404"}': 5}


def test_uploads_are_counted_by_their_outcome(api: Api) -> None:
    api.upload(key="k1")
    api.upload(key="k1")
    api.upload(b"no audio" * 100)
    api.upload(b"")
    api.client.post("/api/sessions", data={"userId": "ann"})
    api.client.post("/api/sessions", data={}, files={"audio": ("a.wav", tone())})
    api.client.post("/api/sessions", content=b"", headers={"Content-Length": "9" * 12})
    api.client.post("/api/sessions/00000000-0000-0000-0000-000000000000/uploaded")

    assert figures(api, "rostrum_uploads_total") == {
        '{outcome="STORED",way="direct"}': 1,
        '{outcome="REPEATED",way="direct"}': 1,
        '{outcome="UNSUPPORTED_AUDIO",way="direct"}': 1,
        '{outcome="EMPTY_AUDIO",way="direct"}': 1,
        '{outcome="MISSING_AUDIO",way="direct"}': 1,
        '{outcome="VALIDATION",way="direct"}': 1,
        '{outcome="AUDIO_TOO_LARGE",way="direct"}': 1,
        '{outcome="NOT_FOUND",way="presigned"}': 1,
    }


def test_deliveries_are_counted_by_their_outcome(api: Api) -> None:
    session_id = api.world.upload()
    for _ in range(2):
        api.process(session_id)
    api.process("nobody")
    api.webhook("process", message("x"), token=None)
    api.webhook("process", b"x" * 70_000)

    assert figures(api, "rostrum_deliveries_total") == {
        '{outcome="COMPLETED"}': 1,
        '{outcome="DUPLICATE"}': 1,
        '{outcome="NOT_FOUND"}': 1,
        '{outcome="UNAUTHORIZED"}': 1,
        '{outcome="PAYLOAD_TOO_LARGE"}': 1,
    }
    assert figures(api, "rostrum_delivery_seconds_count") == {"": 5}


def test_stages_failures_retries_tokens_and_losses_are_counted_as_they_happen(api: Api) -> None:
    session_id = api.world.upload()
    api.world.whisper.misbehave({"kind": "answer", "status": 429})
    api.process(session_id)
    api.world.says(verbose_json())
    api.process(session_id)

    stages = figures(api, "rostrum_stage_seconds_count")
    assert stages['{ended="failed",stage="transcribing"}'] == 1
    assert stages['{ended="done",stage="downloading"}'] == 2
    for stage in ("transcribing", "deleting_audio", "analyzing", "storing"):
        assert stages[f'{{ended="done",stage="{stage}"}}'] == 1, stage
    assert figures(api, "rostrum_attempts_failed_total")['{code="RATE_LIMITED"}'] == 1
    assert figures(api, "rostrum_retries_total")['{code="RATE_LIMITED"}'] == 1
    assert figures(api, "rostrum_analysis_tokens_total")['{kind="read"}'] > 0
    assert figures(api, "rostrum_analyses_unpriced_total")[""] == 1, (
        "the local analyst has no price"
    )
    assert figures(api, "rostrum_transcribed_seconds_total")[""] > 0
    assert figures(api, "rostrum_lease_losses_total")[""] == 0


def test_what_is_given_up_is_counted_by_the_callback_and_sweeps_tell_their_time(api: Api) -> None:
    session_id = api.world.upload(audio=tone(silent=True))
    api.process(session_id)
    source = base64.b64encode(message(session_id)).decode()
    api.webhook("failed", json.dumps({"sourceBody": source}).encode())
    api.webhook("sweep", b"{}")

    assert figures(api, "rostrum_attempts_failed_total")['{code="NO_SPEECH"}'] == 1
    assert figures(api, "rostrum_retries_total")['{code="NO_SPEECH"}'] == 0
    assert figures(api, "rostrum_dead_letters_total")[""] == 1
    assert figures(api, "rostrum_last_sweep_timestamp_seconds")[""] > 1e9


def test_the_backlog_is_read_at_the_scrape_and_serves_the_next_ones(api: Api) -> None:
    api.world.upload()
    first = figures(api, "rostrum_waiting_runs")
    api.world.upload()

    assert first == {"": 1}
    assert figures(api, "rostrum_waiting_runs") == {"": 1}, "of the last few seconds"
    assert figures(api, "rostrum_database_up") == {"": 1}


def test_a_database_that_is_away_hides_no_other_figure(api: Api) -> None:
    away = api.world.with_settings(database_url="postgresql://x:y@127.0.0.1:9/z")
    app: Any = api.client.app
    app.state.services = away.services
    try:
        assert figures(api, "rostrum_database_up") == {"": 0}
        assert figures(api, "rostrum_waiting_runs") == {}
        assert figures(api, "rostrum_dead_letters_total") == {"": 0}
    finally:
        app.state.services = api.services


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.getMessage() == "request"]


def test_one_line_a_request_tells_route_outcome_and_session(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session_id = api.upload().json()["id"]
    api.client.get("/api/sessions?q=Zebulon&limit=0")
    api.client.get(f"/api/sessions/{session_id}")
    api.process(session_id)
    api.client.get("/healthz")

    told = [
        (line["method"], line["route"], line["status"], line.get("code"), line.get("session"))
        for line in lines(caplog)
    ]

    assert told == [
        ("POST", "/api/sessions", 201, "STORED", session_id),
        ("GET", "/api/sessions", 422, "VALIDATION", None),
        ("GET", "/api/sessions/{id}", 200, None, session_id),
        ("POST", "/api/internal/process", 200, "COMPLETED", session_id),
    ], "health checks are many and say nothing"


def test_a_line_is_as_loud_as_what_happened(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    api.client.get("/api/sessions")
    api.webhook("process", b"{}", token=None)
    away = api.world.with_settings(database_url="postgresql://x:y@127.0.0.1:9/z")
    app: Any = api.client.app
    app.state.services = away.services
    api.client.get("/api/sessions")
    app.state.services = api.services

    assert [line["levelname"] for line in lines(caplog)] == ["INFO", "WARNING", "ERROR"]
