"""Learners over HTTP: profile, export, erasure."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.backend.api import Api, problem


def test_a_profile_adds_up_over_sessions(api: Api) -> None:
    for _ in range(3):
        api.world.complete("ann")

    profile = api.client.get("/api/users/ann/pattern-profile").json()

    assert profile["userId"] == "ann"
    assert profile["sessionsTotal"] == 3
    fillers = {p["patternKey"]: p for p in profile["patterns"]}["vocabulary.fillers"]
    assert fillers["sessionsSeen"] == 3
    assert fillers["occurrences"] > 3
    assert fillers["ratePer1000Words"] > 0
    assert fillers["trend"] == "persisting"


def test_a_learner_without_a_completed_session_has_an_empty_profile(api: Api) -> None:
    api.world.upload("ann")

    profile = api.client.get("/api/users/ann/pattern-profile").json()

    assert (profile["sessionsTotal"], profile["patterns"]) == (0, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/users/nobody/pattern-profile"),
        ("GET", "/api/users/nobody/export"),
        ("DELETE", "/api/users/nobody"),
    ],
)
def test_a_learner_that_is_not_there_is_not_found(api: Api, method: str, path: str) -> None:
    assert problem(api.client.request(method, path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("user_id", ["a b", "ü", "a.b@c.d", "50%", "x" * 200])
def test_a_learners_id_is_any_string_the_company_likes(api: Api, user_id: str) -> None:
    api.world.complete(user_id)

    answer = api.client.get(f"/api/users/{quote(user_id, safe='')}/pattern-profile")

    assert answer.json()["userId"] == user_id


def test_an_id_that_cannot_be_a_learners_is_refused(api: Api) -> None:
    answer = api.client.get(f"/api/users/{'x' * 201}/export")

    assert problem(answer) == (422, "VALIDATION")


def test_an_export_holds_everything_on_a_learner_and_nothing_on_others(api: Api) -> None:
    api.world.complete("ann", title="Ann's talk")
    api.world.complete("bob", title="Bob's talk")

    export = api.client.get("/api/users/ann/export").json()

    assert export["userId"] == "ann"
    (session,) = export["sessions"]
    assert session["row"]["title"] == "Ann's talk"
    assert "hospital" in session["transcript"]["text"]
    assert session["insights"]
    assert session["events"]
    assert "bob" not in json.dumps(export).lower()


def test_an_erased_learner_leaves_nothing(api: Api) -> None:
    stored = api.world.upload("ann")
    api.world.complete("ann")
    kept = api.world.complete("bob")

    assert api.client.delete("/api/users/ann").status_code == 204

    assert not api.world.is_stored(stored)
    assert problem(api.client.get("/api/users/ann/export")) == (404, "NOT_FOUND")
    ids = [session["id"] for session in api.client.get("/api/sessions").json()["sessions"]]
    assert ids == [str(kept)]
