"""The server as `streamlit run` starts it, over real HTTP: its headers, and where sign-in leads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from local.child import answers, start, stop, wait_until
from local.ports import free_port
from tests.backend.test_access import GOOD

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-tests-that-is-long-enough"
AUTH = f"""
[auth]
redirect_uri = "https://dashboard.example.com/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "rostrum"
client_secret = "rostrum-secret"
server_metadata_url = "https://provider.example.com/.well-known/openid-configuration"
"""


def command(port: int) -> list[str]:
    """What product.md promises, word for word."""
    return [
        *(sys.executable, "-m", "streamlit", "run", "dashboard/app.py"),
        *("--server.address=127.0.0.1", f"--server.port={port}"),
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A dashboard that serves; nothing stands behind it."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "secrets.toml").write_text(AUTH)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(
        command(port),
        log=folder / "log",
        env={**os.environ, "STREAMLIT_SECRETS_FILES": str(folder / "secrets.toml")},
    )
    try:
        healthy = f"{url}/_stcore/health"
        wait_until(lambda: answers(healthy), process, name="The dashboard", log=folder / "log")
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield client
    finally:
        stop(process)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/session?id=x",
        "/_stcore/health",
        "/_stcore/host-config",
        "/media/nothing",
        "/favicon.png",
        "/oauth2callback",
        "/auth/login",
    ],
)
def test_every_answer_says_what_a_page_may_do(server: httpx2.Client, path: str) -> None:
    headers = server.get(path).headers

    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "microphone=(self)" in headers["Permissions-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self' blob:"
    assert "unsafe" not in policy["script-src"]
    assert "sha256-" in policy["script-src"]


@dataclass(frozen=True)
class Asked:
    """A sign-in, and where it was asked from."""

    server: httpx2.Client
    referer: str

    @property
    def landing(self) -> str:
        """Where the person is sent at its end."""
        begun = self.server.get("/auth/login", headers={"Referer": self.referer})
        ended = self.server.get("/oauth2callback")
        self.server.cookies.clear()
        assert begun.status_code == ended.status_code == 302
        return ended.headers["location"]


def _url(server: httpx2.Client) -> str:
    return str(server.base_url).rstrip("/")


@pytest.mark.parametrize(
    "page", ["/session?id=01890000-0000-7000-8000-000000000000", "/audit?actor=a%40b.c&x=1", "/"]
)
def test_a_sign_in_ends_at_the_page_that_it_was_asked_from(
    server: httpx2.Client, page: str
) -> None:
    assert Asked(server, _url(server) + page).landing == page


@pytest.mark.parametrize(
    "referer",
    [
        "",
        "nonsense",
        "https://evil.example.com/session?id=1",
        "http://127.0.0.1:1/session",
        "{url}//evil.example.com/",
        "{url}/\\evil.example.com",
        "{url}/" + "x" * 3000,
    ],
)
def test_a_sign_in_never_ends_at_somebody_elses_page(server: httpx2.Client, referer: str) -> None:
    assert Asked(server, referer.replace("{url}", _url(server))).landing == "/"


@pytest.mark.parametrize("planted", ["//evil.example.com", "https%3A%2F%2Fevil", "%0d%0aX", "%E2"])
def test_a_cookie_that_somebody_planted_leads_nowhere(server: httpx2.Client, planted: str) -> None:
    answer = server.get("/oauth2callback", headers={"Cookie": f"rostrum_target={planted}"})

    assert answer.headers["location"] == "/"


def test_the_page_is_forgotten_once_it_was_reached(server: httpx2.Client) -> None:
    begun = server.get("/auth/login", headers={"Referer": _url(server) + "/session"})
    server.get("/oauth2callback")

    again = server.get("/oauth2callback")
    server.cookies.clear()

    assert "HttpOnly; SameSite=Lax" in begun.headers["set-cookie"]
    assert again.headers["location"] == "/"


@pytest.mark.parametrize(
    ("secrets", "reasons"),
    [
        ("", ["The dashboard has no sign-in: configure [auth]"]),
        (
            AUTH.replace(SECRET, "development-only-development-only").replace("https", "http"),
            ["cookie_secret in [auth] must be 32 characters", "redirect_uri in [auth] must begin"],
        ),
    ],
)
def test_production_does_not_start_with_unsafe_sign_in(
    tmp_path: Path, secrets: str, reasons: list[str]
) -> None:
    held, log = tmp_path / "secrets.toml", tmp_path / "log"
    held.write_text(secrets)
    good = {name.upper(): value for name, value in GOOD.items()}

    process = start(
        command(free_port()),
        log=log,
        env={**os.environ, **good, "STREAMLIT_SECRETS_FILES": str(held)},
    )
    try:
        assert process.wait(60) != 0
    finally:
        stop(process)

    said = log.read_text()
    for reason in ["Refusing to start in production", *reasons]:
        assert reason in said
