"""What the queue gave up, over HTTP: listed, paged, deleted; and what makes no sense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.app import create_app
from tests.backend.api import HERE, Api, problem
from tests.backend.live import eventually
from tests.letters import LETTERS, Burials, listed, ours, retried
from tests.local.destination import Reply
from tests.local.queueing import publish
from tests.world import NOBODYS_ID, NOWHERE


def test_no_dead_letters_is_an_empty_page(letters_api: Api) -> None:
    assert letters_api.client.get(LETTERS).json() == {"letters": [], "nextCursor": None}


def test_a_dead_letter_says_what_was_given_up_and_where_its_session_stands(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed(user_id="ann", title="My talk")
    run_id = letters_api.world.detail(session_id).runs[0].id

    (letter,) = listed(letters_api)

    assert letter.pop("createdAt").endswith("Z")
    assert letter == {
        "id": burials.id(session_id),
        "purpose": "process",
        "sessionId": str(session_id),
        "runId": str(run_id),
        "responseStatus": 503,
        "code": "TRANSCRIPTION_UNAVAILABLE",
        "deliveries": 4,
        "userId": "ann",
        "title": "My talk",
        "sessionStatus": "FAILED",
        "attempts": 1,
        "isNewestRun": True,
        "retryable": True,
        "reason": None,
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "my secret words", "code": "SECRET"}',
        b'{"error": 5, "code": "TIMEOUT"}',
        b'{"code": "TIMEOUT"}',
        b"<html>my secret words</html>",
        b"\xff\xfe",
        b"",
    ],
)
def test_of_an_answer_that_is_not_ours_nothing_is_kept(
    letters_api: Api, burials: Burials, body: bytes
) -> None:
    burials.bury(Reply(502, {}, body))

    (letter,) = listed(letters_api)

    assert (letter["responseStatus"], letter["code"]) == (502, None)
    assert "secret" not in json.dumps(letter).lower()


def test_letters_come_in_pages(letters_api: Api, burials: Burials) -> None:
    session_ids = {str(burials.bury()) for _ in range(3)}

    first = letters_api.client.get(LETTERS, params={"limit": 2}).json()
    second = letters_api.client.get(
        LETTERS, params={"limit": 2, "cursor": first["nextCursor"]}
    ).json()

    seen = [letter["sessionId"] for letter in [*first["letters"], *second["letters"]]]
    assert len(seen) == 3
    assert set(seen) == session_ids
    assert second["nextCursor"] is None


def test_letters_of_one_code_are_found_behind_others(letters_api: Api, burials: Burials) -> None:
    wanted = burials.bury(ours("TIMEOUT"))
    burials.bury(ours("RATE_LIMITED"))
    burials.bury(Reply(500))

    assert [letter["sessionId"] for letter in listed(letters_api, code="TIMEOUT", limit=1)] == [
        str(wanted)
    ]
    assert listed(letters_api, code="NO_SPEECH") == []


def test_letters_of_other_applications_are_none_of_our_business(
    letters_api: Api, burials: Burials
) -> None:
    burials.destination.reply(ours("TIMEOUT", status=489))
    publish(burials.client, f"{burials.destination.url}/somebody-else")
    (foreign,) = eventually(lambda: burials.client.dlq.list().messages)

    assert listed(letters_api) == []
    assert problem(retried(letters_api, foreign.dlq_id)) == (404, "NOT_FOUND")
    assert problem(letters_api.client.delete(f"{LETTERS}/{foreign.dlq_id}")) == (404, "NOT_FOUND")
    assert letters_api.client.post(f"{LETTERS}/retry", json={}).json()["refused"] == 0
    assert [held.dlq_id for held in burials.client.dlq.list().messages] == [foreign.dlq_id]


def test_a_failure_callback_that_died_names_its_session(letters_api: Api, burials: Burials) -> None:
    burials.destination.reply(*[ours("TIMEOUT")] * 4, ours("DATABASE_UNAVAILABLE", status=489))
    session_id = burials.world.upload()

    letters = eventually(lambda: len(found := listed(letters_api)) == 2 and found)

    assert {letter["purpose"] for letter in letters} == {"process", "failed"}
    assert {letter["sessionId"] for letter in letters} == {str(session_id)}


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/{id}/retry"), ("POST", "/retry"), ("DELETE", "/{id}")],
)
def test_a_queue_that_is_away_is_said_and_nothing_is_changed(
    letters_api: Api, burials: Burials, method: str, path: str, status: int
) -> None:
    session_id = burials.bury_failed()
    before = letters_api.world.detail(session_id)
    address = LETTERS + path.format(id=burials.id(session_id))
    burials.qstash.misbehave({"kind": "answer", "status": status, "body": {}, "times": None})

    answer = letters_api.client.request(method, address, json={} if path == "/retry" else None)

    expected = "RATE_LIMITED" if status == 429 else "QUEUE_UNAVAILABLE"
    assert problem(answer) == (503, expected)
    burials.qstash.behave()
    assert burials.ids(session_id)
    assert letters_api.world.detail(session_id) == before


@pytest.mark.parametrize("body", ["<html>", [], {}, {"messages": [{}]}, {"messages": 5}, None])
def test_an_answer_of_the_queue_that_makes_no_sense_is_a_queue_that_is_away(
    letters_api: Api, burials: Burials, body: Any
) -> None:
    burials.qstash.misbehave({"kind": "answer", "status": 200, "body": body})

    assert problem(letters_api.client.get(LETTERS)) == (503, "QUEUE_UNAVAILABLE")


def test_deleting_a_letter_changes_no_session(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury_failed()
    before = letters_api.world.detail(session_id)
    letter_id = burials.id(session_id)

    assert letters_api.client.delete(f"{LETTERS}/{letter_id}").status_code == 204

    assert listed(letters_api) == []
    assert letters_api.world.detail(session_id) == before
    assert problem(letters_api.client.delete(f"{LETTERS}/{letter_id}")) == (404, "NOT_FOUND")
    assert problem(retried(letters_api, letter_id)) == (404, "NOT_FOUND")


def test_letters_keep_nobody_from_erasing_a_learner(letters_api: Api, burials: Burials) -> None:
    burials.bury_failed(user_id="ann")

    assert letters_api.client.delete("/api/users/ann").status_code == 200

    (letter,) = listed(letters_api)
    assert (letter["userId"], letter["sessionStatus"], letter["retryable"]) == (None, None, False)


@pytest.mark.parametrize(
    "letter_id",
    [
        "x",
        NOBODYS_ID,
        "1-0",
        "%2e%2e",
        "..%5C",
        "a%20b",
        "%00",
        "%F0%9F%99%82",
        "a%3Fb",
        "x" * 900,
    ],
)
def test_an_id_that_names_no_letter_is_not_found(letters_api: Api, letter_id: str) -> None:
    assert problem(retried(letters_api, letter_id)) == (404, "NOT_FOUND")
    assert problem(letters_api.client.delete(f"{LETTERS}/{letter_id}")) == (404, "NOT_FOUND")


def test_an_id_cannot_lead_to_another_place_of_the_queue(
    letters_api: Api, burials: Burials
) -> None:
    burials.qstash.behave()

    for letter_id in ("..%2Fmessages", "%2e%2e", "x%3Furl=y", "x%23y"):
        assert letters_api.client.delete(f"{LETTERS}/{letter_id}").status_code == 404

    assert burials.qstash.calls() == []


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": ""},
        {"cursor": "\x00"},
        {"cursor": "x" * 501},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"code": "lower"},
        {"code": "X" * 41},
        {"status": "FAILED"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(letters_api: Api, query: dict[str, str]) -> None:
    assert problem(letters_api.client.get(LETTERS, params=query)) == (422, "VALIDATION")


def test_a_cursor_that_the_queue_refuses_is_ours_to_refuse(
    letters_api: Api, burials: Burials
) -> None:
    burials.qstash.misbehave({"kind": "answer", "path": "/v2/dlq", "status": 400, "body": {}})

    assert problem(letters_api.client.get(LETTERS, params={"cursor": "zz"})) == (422, "VALIDATION")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"code": 5}', b'{"kode": "X"}'])
def test_a_wish_to_retry_all_that_makes_no_sense_is_refused(letters_api: Api, body: bytes) -> None:
    answer = letters_api.client.post(
        f"{LETTERS}/retry", content=body, headers={"Content-Type": "application/json"}
    )

    assert problem(answer)[0] in {400, 422}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/retry"), ("POST", "/x/retry"), ("DELETE", "/x")],
)
def test_dead_letters_need_the_bearer_token(burials: Burials, method: str, path: str) -> None:
    guarded = burials.world.with_settings(api_token="a-token", qstash_url=NOWHERE)
    app = create_app(guarded.services.settings)
    with TestClient(app, base_url="http://127.0.0.1", client=HERE) as client:
        answer = client.request(method, LETTERS + path)

    assert problem(answer) == (401, "UNAUTHORIZED")
