"""Tokens that are kept as hashes and rotate, how often a caller may ask, what answers say."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.app import create_app
from backend.tokens import digest_of
from pipeline.settings import UnsafeConfiguration
from tests.backend.api import HERE, problem
from tests.backend.test_access import GOOD
from tests.world import World, make_settings

OLD, NEW = "an-old-random-token", "a-new-random-token"
ELSEWHERE = ("203.0.113.9", 1)


@contextmanager
def api(world: World, client: tuple[str, int] = HERE, **settings: Any) -> Iterator[TestClient]:
    app = create_app(world.with_settings(**settings).services.settings)
    with TestClient(app, base_url="http://127.0.0.1", client=client) as opened:
        yield opened


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_made_token_opens_the_api_and_its_line_does_not_tell_it(world: World) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "backend.tokens", "mobile-app"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    token = re.search(r"Token, shown once:\s+(\S+)", made)
    line = re.search(r"For API_TOKENS:\s+(\S+)", made)
    assert token
    assert line

    with api(world, ELSEWHERE, api_tokens=line[1]) as opened:
        assert opened.get("/api/sessions", headers=bearing(token[1])).status_code == 200
        digest = line[1].partition(":")[2]
        assert opened.get("/api/sessions", headers=bearing(digest)).status_code == 401
    assert token[1] not in line[1]


@pytest.mark.parametrize("words", [[], ["two", "names"], ["no spaces"], ["x" * 41]])
def test_a_name_that_is_none_makes_no_token(words: list[str]) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "backend.tokens", *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert "Usage" in refused.stderr
    assert not refused.stdout


def test_tokens_rotate_without_a_gap(world: World) -> None:
    old, new = f"app-1:{digest_of(OLD)}", f"app-2:{digest_of(NEW)}"

    with api(world, api_tokens=f"{old}, {new}") as both:
        assert both.get("/api/sessions", headers=bearing(OLD)).status_code == 200
        assert both.get("/api/sessions", headers=bearing(NEW)).status_code == 200
    with api(world, api_tokens=new) as after:
        assert problem(after.get("/api/sessions", headers=bearing(OLD))) == (401, "UNAUTHORIZED")
        assert after.get("/api/sessions", headers=bearing(NEW)).status_code == 200


@pytest.mark.parametrize(
    "listed", ["a-plain-token", "name:123", f"name:{'0' * 63}G", f"a b:{'0' * 64}"]
)
def test_a_list_that_holds_anything_but_hashes_is_refused_at_the_start(listed: str) -> None:
    with pytest.raises(UnsafeConfiguration, match="API_TOKENS must be name:digest") as refused:
        create_app(make_settings(api_tokens=listed))

    assert listed not in str(refused.value)


def test_the_log_names_the_bearer_and_never_the_token(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with api(world, api_tokens=f"mobile-app:{digest_of(NEW)}") as opened:
        logging.getLogger().addHandler(caplog.handler)
        opened.get("/api/sessions", headers=bearing(NEW))

    (line,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert line.__dict__["caller"] == "mobile-app"
    assert NEW not in caplog.text


def test_a_caller_that_asks_too_often_is_told_how_long_to_wait(world: World) -> None:
    with api(world, api_token=OLD, api_requests_per_minute=3) as opened:
        answers = [opened.get("/api/sessions", headers=bearing(OLD)) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert problem(answers[-1]) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_one_caller_does_not_use_up_anothers_share(world: World) -> None:
    tokens = f"one:{digest_of(OLD)},two:{digest_of(NEW)}"
    with api(world, api_tokens=tokens, api_requests_per_minute=1) as opened:
        assert opened.get("/api/sessions", headers=bearing(OLD)).status_code == 200
        assert opened.get("/api/sessions", headers=bearing(OLD)).status_code == 429
        assert opened.get("/api/sessions", headers=bearing("guessed")).status_code == 401
        assert opened.get("/api/sessions", headers=bearing(NEW)).status_code == 200


def test_strangers_may_not_guess_for_ever(world: World) -> None:
    with api(world, api_token=OLD, api_requests_per_minute=2) as opened:
        guesses = [opened.get("/api/sessions", headers=bearing(f"guess-{n}")) for n in range(3)]

    assert [guess.status_code for guess in guesses] == [401, 401, 429]


def test_webhooks_and_health_are_not_counted(world: World) -> None:
    with api(world, api_token=OLD, api_requests_per_minute=1) as opened:
        for _ in range(3):
            assert opened.post("/api/internal/sweep", content=b"{}").status_code == 401
            assert opened.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/api/sessions", "/healthz", "/nowhere", "/openapi.json"])
def test_every_answer_tells_browsers_to_show_and_keep_nothing(world: World, path: str) -> None:
    with api(world) as opened:
        headers = opened.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (headers.get("Cache-Control") == "no-store") is path.startswith("/api/")
    assert "Strict-Transport-Security" not in headers


def test_production_asks_for_tls_and_serves_no_pages_of_the_framework() -> None:
    with TestClient(create_app(make_settings(**GOOD))) as opened:
        assert opened.get("/healthz").headers["Strict-Transport-Security"]
        assert opened.get("/docs").status_code == 404
        assert opened.get("/redoc").status_code == 404


def test_no_page_from_elsewhere_is_allowed_to_read_an_answer(world: World) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    with api(world, api_token=OLD) as opened:
        answer = opened.get("/api/sessions", headers={**bearing(OLD), **asked})
        preflight = opened.options("/api/sessions", headers=asked)

    assert "access-control-allow-origin" not in answer.headers
    assert preflight.status_code in {401, 405}
    assert "access-control-allow-origin" not in preflight.headers
