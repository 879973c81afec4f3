"""Learners over HTTP: profile, export, erasure."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.backend.api import Api, problem

ALL = {"audioStorage": True, "transcriptStorage": True, "patternTracking": True}


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
        ("GET", "/api/users/nobody/consents"),
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
    assert export["consents"] == {**ALL, "changedAt": None}
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

    answer = api.client.delete("/api/users/ann")

    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt["userId"] == "ann"
    assert receipt["erasedAt"]
    assert (receipt["counts"]["sessions"], receipt["counts"]["recordings"]) == (2, 1)
    assert receipt["counts"]["goldenCases"] == 0
    assert problem(api.client.delete("/api/users/ann")) == (404, "NOT_FOUND")
    assert not api.world.is_stored(stored)
    assert problem(api.client.get("/api/users/ann/export")) == (404, "NOT_FOUND")
    ids = [session["id"] for session in api.client.get("/api/sessions").json()["sessions"]]
    assert ids == [str(kept)]


def test_consents_are_written_down_before_or_after_the_first_upload(api: Api) -> None:
    """All hold until the app says otherwise; said again they change nothing."""
    wanted = {**ALL, "transcriptStorage": False, "patternTracking": False}

    first = api.client.put("/api/users/ann%2F1/consents", json=wanted).json()
    again = api.client.put("/api/users/ann%2F1/consents", json=wanted).json()

    assert first == again == api.client.get("/api/users/ann%2F1/consents").json()
    assert {name: first[name] for name in ALL} == wanted
    assert first["changedAt"]
    session_id = api.world.complete("ann/1")
    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert (shown["status"], shown["transcript"]) == ("COMPLETED", None)
    assert shown["transcriptRemovedAt"]
    assert shown["transcriptRemovedBecause"] == "consent"
    assert [insight["examples"] for insight in shown["insights"]] == [[]] * len(shown["insights"])
    assert {strength["quote"] for strength in shown["strengths"]} <= {None}
    rerun = api.client.post(f"/api/sessions/{session_id}/runs", json={"scope": "analysis"})
    assert problem(rerun) == (409, "TRANSCRIPT_GONE")
    profile = api.client.get("/api/users/ann%2F1/pattern-profile").json()
    assert (profile["tracking"], profile["patterns"], profile["focuses"]) == (False, [], [])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**ALL, "audioStorage": None},
        {**ALL, "audioStorage": "false"},
        {**ALL, "patternTracking": 0},
        {**ALL, "more": True},
        [],
    ],
)
def test_consents_that_do_not_say_each_one_are_refused(api: Api, body: object) -> None:
    answer = api.client.put("/api/users/ann/consents", json=body)

    assert problem(answer) == (422, "VALIDATION")
    assert problem(api.client.get("/api/users/ann/consents")) == (404, "NOT_FOUND")
