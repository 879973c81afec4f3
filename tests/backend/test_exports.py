"""Exports of one session over HTTP."""

from __future__ import annotations

import pytest

from tests.backend.api import Api, open_api, problem
from tests.world import World


@pytest.mark.parametrize(
    ("wanted", "media_type", "ending", "begins"),
    [
        ("markdown", "text/markdown; charset=utf-8", "md", "# My talk"),
        ("html", "text/html; charset=utf-8", "html", "<!DOCTYPE html>"),
        ("json", "application/json", "json", "{"),
    ],
)
def test_a_session_is_exported_as_a_file_of_its_kind(
    api: Api, wanted: str, media_type: str, ending: str, begins: str
) -> None:
    session_id = api.world.complete(title="My talk")

    answer = api.client.get(f"/api/sessions/{session_id}/export", params={"format": wanted})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media_type
    name = f"session-{session_id}.{ending}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text.startswith(begins)


def test_a_title_never_reaches_a_header(api: Api) -> None:
    session_id = api.world.complete(title='x"; filename="evil.exe')

    answer = api.client.get(f"/api/sessions/{session_id}/export", params={"format": "html"})

    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize("query", ["", "format=pdf", "format=", "format=html&more=1", "f=html"])
def test_a_format_that_there_is_not_is_refused(api: Api, query: str) -> None:
    session_id = api.world.upload()

    answer = api.client.get(f"/api/sessions/{session_id}/export?{query}")

    assert problem(answer) == (422, "VALIDATION")


@pytest.mark.parametrize("session_id", ["00000000-0000-4000-8000-000000000000", "nonsense"])
def test_an_unknown_session_has_no_export(api: Api, session_id: str) -> None:
    answer = api.client.get(f"/api/sessions/{session_id}/export?format=json")

    assert problem(answer) == (404, "NOT_FOUND")


def test_an_export_needs_the_token_where_one_is_set(world: World) -> None:
    session_id = world.complete()
    for guarded in open_api(world.with_settings(api_token="secret-token")):
        path = f"/api/sessions/{session_id}/export?format=json"
        assert problem(guarded.client.get(path)) == (401, "UNAUTHORIZED")
        token = {"Authorization": "Bearer secret-token"}
        assert guarded.client.get(path, headers=token).status_code == 200


def test_openapi_tells_what_kinds_of_file_there_are(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]

    answers = paths["/api/sessions/{id}/export"]["get"]["responses"]
    assert set(answers["200"]["content"]) == {"text/markdown", "text/html", "application/json"}
    assert {"401", "404", "422"} <= set(answers)


def test_a_session_tells_bands_courses_places_and_what_became_of_the_focus(api: Api) -> None:
    api.world.complete()
    second = api.world.complete()

    session = api.client.get(f"/api/sessions/{second}").json()

    by_name = {metric["name"]: metric for metric in session["metrics"]}
    assert (by_name["pace"]["low"], by_name["pace"]["high"]) == (120, 160)
    assert by_name["pace"]["series"][0]["end"] - by_name["pace"]["series"][0]["start"] == 30
    assert by_name["fillers_per_minute"]["moments"][0]["start"] is not None
    assert session["metricsRestOn"].startswith("Transcribed by ")
    assert session["focusKey"] == session["lastFocus"]["key"] == "vocabulary.fillers"
    assert session["lastFocus"]["outcome"] == "same"


def test_a_profile_tells_focuses_and_trends(api: Api) -> None:
    ids = [str(api.world.complete("ann")) for _ in range(3)]

    profile = api.client.get("/api/users/ann/pattern-profile").json()

    assert [focus["sessionId"] for focus in profile["focuses"]] == [ids[1], ids[0]]
    by_name = {trend["name"]: trend for trend in profile["trends"]}
    assert [point["sessionId"] for point in by_name["pace"]["points"]] == ids
    assert by_name["hedges"]["ownMedian"] > 0
