"""No way around the guards: paths, proxies, prefixes, and what a refusal says."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient

from backend.app import NEW_OBJECTS, create_app
from backend.paths import is_guarded, path_of
from pipeline.settings import Settings
from tests.backend.api import HERE, Api, problem
from tests.talks import tone
from tests.world import World, make_settings

TOKEN = "a-long-random-token"
ENDPOINTS = [
    ("POST", "/api/sessions"),
    ("GET", "/api/sessions"),
    ("POST", "/api/sessions/uploads"),
    ("POST", "/api/sessions/1/uploaded"),
    ("GET", "/api/sessions/1"),
    ("POST", "/api/sessions/1/runs"),
    ("DELETE", "/api/sessions/1"),
    ("GET", "/api/users/a/pattern-profile"),
    ("GET", "/api/users/a/export"),
    ("DELETE", "/api/users/a"),
    ("DELETE", "/api/users/a/b"),
    ("GET", "/api/nothing"),
]


@contextmanager
def called_from(
    settings: Settings, *, client: tuple[str, int] = HERE, root_path: str = ""
) -> Iterator[TestClient]:
    with TestClient(
        create_app(settings), base_url="http://127.0.0.1", client=client, root_path=root_path
    ) as made:
        yield made


@pytest.mark.parametrize("prefix", ["", "/rostrum", "/api"])
def test_every_endpoint_of_the_api_asks_for_the_token_behind_any_prefix(prefix: str) -> None:
    settings = make_settings(api_token=TOKEN)
    with called_from(settings, root_path=prefix) as client:
        for method, path in ENDPOINTS:
            answer = client.request(method, f"{prefix}{path}")
            assert problem(answer) == (401, "UNAUTHORIZED"), path
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@given(prefix=st.sampled_from(["", "/api", "/a", "/x/y"]), path=st.text("/apisenxy", max_size=16))
def test_the_guards_read_a_path_just_as_the_router_does(prefix: str, path: str) -> None:
    """Starlette's own matching is the judge: what it would route, the guard has seen."""
    scope = {"type": "http", "method": "GET", "path": f"/{path}", "root_path": prefix}
    seen = path_of(scope)

    matched, found = Route("/{rest:path}", _nothing).matches(scope)

    if matched.value:
        assert f"/{found['path_params']['rest']}" == seen


def _nothing(_request: Any) -> None:
    """Stand where a handler stands."""


def test_the_signed_webhooks_and_health_need_no_bearer_token() -> None:
    for path in ("/api/internal/process", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert not is_guarded(path)


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_without_a_token_nobody_behind_a_proxy_is_answered(
    world: World, header: dict[str, str]
) -> None:
    with called_from(world.services.settings) as client:
        assert problem(client.get("/api/sessions", headers=header)) == (401, "UNAUTHORIZED")


def test_an_empty_token_in_the_settings_opens_nothing(world: World) -> None:
    settings = world.with_settings(api_token="").services.settings
    with called_from(settings, client=("203.0.113.9", 1)) as client:
        answer = client.get("/api/sessions", headers={"Authorization": "Bearer "})

    assert problem(answer) == (401, "UNAUTHORIZED")


def test_a_header_of_strange_bytes_is_only_a_wrong_token() -> None:
    with called_from(make_settings(api_token=TOKEN)) as client:
        answer = client.get("/api/sessions", headers={b"Authorization": b"Bearer \xff\xfe"})

    assert problem(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["/api/sessions/", "/api//sessions", "/api/sessions/1/", "/"])
def test_an_address_that_is_almost_right_is_not_found_and_never_a_redirect(
    api: Api, path: str
) -> None:
    answer = api.client.get(path, follow_redirects=False)

    assert problem(answer) == (404, "NOT_FOUND")


@pytest.mark.parametrize("length", ["9" * 30, "9" * 5000])
def test_an_absurd_content_length_is_too_large(api: Api, length: str) -> None:
    answer = api.client.post("/api/sessions", content=b"x", headers={"Content-Length": length})

    assert problem(answer) == (413, "AUDIO_TOO_LARGE")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/sessions/uploads"), ("POST", "/api/sessions/1/runs")],
)
def test_json_above_64_kib_is_too_large(api: Api, method: str, path: str) -> None:
    answer = api.client.request(method, path, json={"userId": "x" * 70_000})

    assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_the_body_limit_counts_behind_a_prefix_as_well(world: World) -> None:
    with called_from(world.services.settings, root_path="/rostrum") as client:
        answer = client.post(
            "/rostrum/api/sessions",
            data={"userId": "ann"},
            files={"audio": ("talk.wav", tone())},
        )

    assert len(tone()) > 64 * 1024
    assert answer.status_code == 201


HALF = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
"""A part without a name."""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"not multipart at all", "multipart/form-data; boundary=b"),
        (b"--b\r\n", "multipart/form-data"),
        (
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_a_bad_request(api: Api, content: bytes, kind: str) -> None:
    answer = api.client.post("/api/sessions", content=content, headers={"Content-Type": kind})

    assert problem(answer)[0] in {400, 422}


def test_a_form_takes_one_file_only(api: Api) -> None:
    files = [("audio", ("a.wav", tone())), ("other", ("b.wav", tone()))]

    answer = api.client.post("/api/sessions", data={"userId": "ann"}, files=files)

    assert problem(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_an_upload_that_is_no_form_lacks_its_audio(api: Api, kind: str) -> None:
    answer = api.client.post(
        "/api/sessions", content=b'{"userId": "ann"}', headers={"Content-Type": kind}
    )

    assert problem(answer) == (400, "MISSING_AUDIO")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"null", b'{"scope": "full"', b"[" * 60_000]
)
def test_json_that_cannot_be_read_is_refused(api: Api, content: bytes) -> None:
    session_id = api.world.upload()

    answer = api.client.post(
        f"/api/sessions/{session_id}/runs",
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert problem(answer)[0] in {400, 422}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=Zebulon", "limit"),
        ("status=Zebulon", "status"),
        ("cursor=Zebulon", "cursor"),
        ("page=Zebulon", "page"),
        ("Zebulon%20Smith=1", "query"),
        (f"{'Zebulon' * 99}=1", "query"),
    ],
)
def test_a_validation_error_names_the_field_and_never_repeats_what_was_typed(
    api: Api, query: str, named: str
) -> None:
    answer = api.client.get(f"/api/sessions?{query}")

    assert problem(answer) == (422, "VALIDATION")
    assert named in answer.json()["error"].lower()
    assert "Zebulon" not in answer.text


@pytest.mark.parametrize("user_id", ["a/b", "a/export", "/", "a/", "..", "a?b#c", "100%"])
def test_a_learner_whose_id_holds_a_slash_or_worse_can_be_read_and_erased(
    api: Api, user_id: str
) -> None:
    api.world.upload(user_id)
    at = f"/api/users/{quote(user_id, safe='').replace('.', '%2E')}"

    assert api.client.get(f"{at}/pattern-profile").json()["userId"] == user_id
    assert api.client.get(f"{at}/export").json()["userId"] == user_id
    assert api.client.delete(at).status_code == 200
    assert problem(api.client.get(f"{at}/export")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("ahead", [True, False])
def test_a_server_that_is_loaded_looks_for_garbage_often_again(
    world: World, *, ahead: bool
) -> None:
    """While it loads it hardly does: the first answer comes sooner."""
    gc.set_threshold(10 * NEW_OBJECTS)

    with TestClient(create_app(world.with_settings(prepare_at_start=ahead).services.settings)):
        pass

    assert gc.get_threshold()[0] == NEW_OBJECTS
