"""Who may call the API, and what the server says of itself."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.app import create_app
from pipeline.log_lines import json_lines
from pipeline.settings import UnsafeConfiguration
from tests.backend.api import HERE, Api, problem
from tests.logged import logged_as_json
from tests.talks import claude_message
from tests.world import NOWHERE, World, make_settings

TOKEN = "a-long-random-token"


def called(
    world: World,
    *,
    token: str | None,
    client: tuple[str, int] = HERE,
    headers: dict[str, str] | None = None,
) -> Any:
    app = create_app(world.with_settings(api_token=token).services.settings)
    with TestClient(app, base_url="http://127.0.0.1", client=client) as api:
        return api.get("/api/sessions", headers=headers)


@pytest.mark.parametrize("path", ["/api/sessions", "/api/users/x/pattern-profile"])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
def test_the_api_needs_its_bearer_token(world: World, path: str, header: str | None) -> None:
    app = create_app(world.with_settings(api_token=TOKEN).services.settings)
    headers = {} if header is None else {"Authorization": header}
    with TestClient(app, base_url="http://127.0.0.1", client=HERE) as api:
        assert problem(api.get(path, headers=headers)) == (401, "UNAUTHORIZED")


def test_the_right_token_opens_the_api_from_anywhere(world: World) -> None:
    answer = called(
        world, token=TOKEN, client=("203.0.113.9", 1), headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 200


def test_without_a_token_only_this_machine_is_answered(world: World) -> None:
    assert called(world, token=None).status_code == 200
    assert problem(called(world, token=None, client=("203.0.113.9", 1))) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_without_a_token_web_pages_from_elsewhere_are_not_answered(
    world: World, headers: dict[str, str]
) -> None:
    assert problem(called(world, token=None, headers=headers)) == (401, "UNAUTHORIZED")


def test_a_server_without_a_token_says_so_at_its_start(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(world.services.settings)
    logging.getLogger().addHandler(caplog.handler)
    with TestClient(app):
        assert "API_TOKEN is not set" in caplog.text


def test_an_upload_of_a_stranger_is_refused_before_it_is_read(world: World) -> None:
    app = create_app(world.with_settings(api_token=TOKEN).services.settings)
    read = 0

    def body() -> Any:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 1000

    with TestClient(app, base_url="http://127.0.0.1", client=HERE) as api:
        answer = api.post("/api/sessions", content=body())

    assert problem(answer) == (401, "UNAUTHORIZED")


def test_health_needs_no_token(world: World) -> None:
    app = create_app(world.with_settings(api_token=TOKEN).services.settings)
    with TestClient(app, client=("203.0.113.9", 1)) as api:
        assert api.get("/healthz").json() == {"ok": True}


def test_the_server_starts_with_nothing_set() -> None:
    with TestClient(create_app(make_settings()), base_url="http://127.0.0.1", client=HERE) as api:
        assert api.get("/healthz").status_code == 200
        answer = api.get("/api/sessions")

    assert problem(answer) == (500, "CONFIGURATION")
    assert answer.json()["error"] == "Missing required environment variable: DATABASE_URL"


def test_readiness_says_in_words_what_is_missing(api: Api) -> None:
    answer = api.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ok": False,
        "database": "ok",
        "storage": "ok",
        "queue": "The queue cannot be reached right now. Please try again in a minute.",
    }


def test_readiness_of_a_server_without_anything(world: World) -> None:
    away = world.with_settings(
        database_url="postgresql://x:y@127.0.0.1:9/z", r2_endpoint_url=NOWHERE, qstash_token=None
    )
    app = create_app(away.services.settings)
    with TestClient(app) as api:
        parts = api.get("/readyz").json()

    assert "database" in parts["database"]
    assert "storage" in parts["storage"]
    assert parts["queue"] == "Missing required environment variable: QSTASH_TOKEN"


GOOD = {
    "app_env": "production",
    "app_url": "https://api.example.com",
    "api_token": TOKEN,
    "qstash_current_signing_key": "sig_a",
    "qstash_next_signing_key": "sig_b",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"qstash_current_signing_key": None}, "QSTASH_CURRENT_SIGNING_KEY is not set"),
        ({"qstash_next_signing_key": None}, "QSTASH_NEXT_SIGNING_KEY is not set"),
        ({"qstash_next_signing_key": "sig_a"}, "equal"),
        ({"qstash_current_signing_key": "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r"}, "public"),
        ({"qstash_next_signing_key": "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs"}, "public"),
        ({"app_url": "http://127.0.0.1:8000"}, "loopback"),
        ({"app_url": "http://localhost"}, "loopback"),
        ({"app_url": "http://[::1]:8000"}, "loopback"),
        ({"app_url": "http://localhost.:8000"}, "loopback"),
        ({"app_url": "http://0.0.0.0:8000"}, "loopback"),
        ({"app_url": "api.example.com"}, "APP_URL is no address"),
        ({"app_url": "http://[api"}, "APP_URL is no address"),
        ({"qstash_next_signing_key": "  "}, "QSTASH_NEXT_SIGNING_KEY is not set"),
        ({"api_token": None}, "API_TOKEN"),
    ],
)
def test_production_refuses_to_start_unsafely(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsafeConfiguration, match=reason):
        create_app(make_settings(**{**GOOD, **change}))


def test_production_starts_when_all_is_set() -> None:
    assert create_app(make_settings(**GOOD)).title == "Rostrum"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", (404, "NOT_FOUND")),
        ("PATCH", "/api/sessions", (405, "METHOD_NOT_ALLOWED")),
        ("GET", "/api/internal/process", (405, "METHOD_NOT_ALLOWED")),
    ],
)
def test_strange_addresses_have_the_one_error_shape(
    api: Api, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert problem(api.client.request(method, path)) == expected


def test_openapi_names_every_endpoint_of_the_contract_and_its_errors(api: Api) -> None:
    document = api.client.get("/openapi.json").json()

    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        "POST /api/sessions",
        "POST /api/sessions/uploads",
        "POST /api/sessions/{id}/uploaded",
        "GET /api/sessions",
        "GET /api/sessions/{id}",
        "POST /api/sessions/{id}/runs",
        "DELETE /api/sessions/{id}",
        "GET /api/sessions/{id}/export",
        "GET /api/dead-letters",
        "POST /api/dead-letters/retry",
        "POST /api/dead-letters/{id}/retry",
        "DELETE /api/dead-letters/{id}",
        "GET /api/users/{id}/pattern-profile",
        "GET /api/users/{id}/export",
        "GET /api/users/{id}/consents",
        "PUT /api/users/{id}/consents",
        "DELETE /api/users/{id}",
        "POST /api/internal/process",
        "POST /api/internal/failed",
        "POST /api/internal/sweep",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    for name, operation in operations.items():
        assert operation["summary"], name
        if "/api/" in name:
            problems = operation["responses"]["401"]["content"]["application/json"]["schema"]
            assert problems == {"$ref": "#/components/schemas/Problem"}, name
        if "/api/" in name and "/api/internal" not in name:
            assert operation["security"] == [{"HTTPBearer": []}], name
        path_parameters = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
        assert path_parameters == (["id"] if "{id}" in name else []), name


@pytest.mark.parametrize("vendor", ["whisper", "analyst"])
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 400, "body": {"error": {"message": "no: hospital", "type": "x"}}},
        {"status": 500, "body": "hospital"},
        {"status": 200, "body": {"text": "hospital", "segments": "hospital", "content": 5}},
        {"status": 200, "body": "hospital {"},
        {"status": 200, "body": claude_message("hospital")},
    ],
)
def test_failures_log_nothing_of_what_was_said_or_answered(
    api: Api, vendor: str, answer: dict[str, Any]
) -> None:
    getattr(api.world, vendor).misbehave({"kind": "answer", "times": None, **answer})
    session_id = api.world.upload("Zebulon")

    with logged_as_json() as written:
        answered = api.process(session_id)

    assert answered.status_code >= 400
    assert "session_failed" in written.getvalue()
    for private in ("Zebulon", "hospital", "test-openai", "test-anthropic"):
        assert private not in written.getvalue()
        assert private not in answered.text


def test_logs_hold_the_route_and_never_what_people_typed(api: Api) -> None:
    with logged_as_json() as written:
        api.upload(userId="Zebulon", title="Confidential merger")
        api.client.get("/api/sessions", params={"q": "Confidential", "userId": "Zebulon"})
        api.process(api.client.get("/api/sessions").json()["sessions"][0]["id"])

    logged = written.getvalue()
    assert '"route": "/api/sessions"' in logged
    assert "session_completed" in logged
    for private in ("Zebulon", "Confidential", "hospital", TOKEN, "test-openai"):
        assert private not in logged


def test_an_exception_is_logged_by_type_and_place_without_its_message() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(json_lines())
    log = logging.getLogger("tests.private")
    log.addHandler(handler)
    try:
        int("what the learner said")
    except ValueError:
        log.exception("broken")
    finally:
        log.removeHandler(handler)

    assert "ValueError" in written.getvalue()
    assert "test_access.py" in written.getvalue()
    assert "learner said" not in written.getvalue()
