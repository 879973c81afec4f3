"""Whatever is sent, in JSON, forms, paths or signed messages: never a 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.api import Api, problem

ANYTHING = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXT = st.text(max_size=40)
"""Lone surrogates, NUL, control and right-to-left characters among it."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["userId", "contentType", "sizeBytes", "title", "language", "scope", "audio"]


def near(*, good: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A good object with some fields put wrong, or something else altogether."""
    changed = st.dictionaries(st.sampled_from(FIELDS) | TEXT, JSON, max_size=3)
    return changed.map(lambda change: {**good, **change}) | JSON


def post_json(api: Api, path: str, body: Any) -> Any:
    return api.client.post(
        path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )


@ANYTHING
@given(body=near(good={"userId": "ann", "contentType": "audio/wav", "sizeBytes": 10}))
def test_no_announcement_whatever_breaks_the_api(api: Api, body: Any) -> None:
    answer = post_json(api, "/api/sessions/uploads", body)

    if answer.status_code != 201:
        assert problem(answer)[0] in {400, 413, 415, 422}


@ANYTHING
@given(body=near(good={"scope": "analysis"}))
def test_no_request_for_a_run_whatever_breaks_the_api(api: Api, body: Any) -> None:
    answer = post_json(api, "/api/sessions/00000000-0000-0000-0000-000000000000/runs", body)

    assert problem(answer)[0] in {400, 404, 422}


@ANYTHING
@given(form=st.dictionaries(st.sampled_from(FIELDS), TEXT, max_size=4), key=st.none() | TEXT)
def test_no_form_whatever_breaks_an_upload(api: Api, form: dict[str, str], key: str | None) -> None:
    files = {"audio": ("a.wav", b"no audio" * 20)}
    headers = {b"Idempotency-Key": _header(key)} if key else {}
    sent = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    if "audio" in sent:
        files = {}

    answer = api.client.post("/api/sessions", data=sent, files=files or None, headers=headers)

    assert problem(answer)[0] in {400, 415, 422}


def _header(key: str) -> bytes:
    """What may stand in a header at all."""
    return key.encode("utf-8", "replace").translate(None, bytes([0, 10, 13])).strip() or b"k"


@ANYTHING
@given(
    user_id=TEXT.map(lambda text: text.encode("utf-8", "replace").decode()).filter(
        # A client takes these out of the path itself: what arrives is another address.
        lambda text: text not in {".", ".."}
    )
)
def test_no_learner_whatever_breaks_a_path(api: Api, user_id: str) -> None:
    answer = api.client.get(f"/api/users/{quote(user_id, safe='')}/export")

    assert problem(answer)[0] in {404, 422}


@ANYTHING
@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_signed_message_whatever_breaks_the_webhooks(api: Api, body: bytes) -> None:
    assert problem(api.webhook("process", body))[0] == 400

    failed = api.webhook("failed", body)
    assert problem(failed)[0] == 400
