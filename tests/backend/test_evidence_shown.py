"""What the API tells of evidence: what was dropped and why, and what was seen only once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.analyze.schema import Analysis
from tests.answers import message
from tests.backend.api import Api


def shown_for(api: Api, answer: str) -> dict[str, Any]:
    api.world.analyst.misbehave(message(answer))
    session_id = api.world.complete()
    shown: dict[str, Any] = api.client.get(f"/api/sessions/{session_id}").json()
    return shown


def texts_in(value: object) -> Iterator[str]:
    """Every text of a JSON value."""
    match value:
        case str():
            yield value
        case list():
            for held in value:
                yield from texts_in(held)
        case dict():
            for held in value.values():
                yield from texts_in(held)


def test_whatever_is_asked_of_the_model_is_shown(api: Api) -> None:
    """Nothing is paid for that nobody reads."""
    answer = json.loads(message("valid")["body"]["content"][0]["text"])
    assert Analysis.model_validate(answer).model_dump(by_alias=True, mode="json") == answer

    shown = set(texts_in(shown_for(api, "valid")))

    assert set(texts_in(answer)) - shown == set()


def test_a_finding_without_evidence_is_kept_with_the_run_and_not_shown_as_one(api: Api) -> None:
    shown = shown_for(api, "quote_invented")

    assert [i["patternKey"] for i in shown["insights"]] == ["vocabulary.weak_intensifiers"]
    quote, insight = shown["runs"][0]["dropped"]
    assert (quote["kind"], quote["reason"]) == ("quote", "not in the transcript")
    assert quote["answer"]["quote"] == "Um, I have no idea what to say"
    assert (insight["kind"], insight["name"]) == ("insight", "Fillers before a new thought")
    assert "none of its quotes" in insight["reason"]


def test_a_run_tells_its_tokens_by_kind_and_its_cost(api: Api) -> None:
    (run,) = shown_for(api, "valid")["runs"]

    assert run["dropped"] == []
    assert (run["inputTokens"], run["cacheReadTokens"], run["cacheWriteTokens"]) == (1900, 1500, 0)
    assert float(run["costUsd"]) == pytest.approx(0.000405)
    assert run["promptVersion"].startswith("v2-")


@pytest.mark.parametrize(
    ("key", "is_single"),
    [("vocabulary.fillers", False), ("structure.no_conclusion", True)],
    ids=["code counts more than one", "nobody counts more than one"],
)
def test_a_habit_that_one_place_shows_is_called_one_observation(
    api: Api, key: str, *, is_single: bool
) -> None:
    answer = message("quote_stitched")
    text = answer["body"]["content"][0]
    text["text"] = text["text"].replace("vocabulary.fillers", key)
    api.world.analyst.misbehave(answer)

    session_id = api.world.complete()
    insights = api.client.get(f"/api/sessions/{session_id}").json()["insights"]

    found = {insight["patternKey"]: insight for insight in insights}
    assert len(found[key]["examples"]) == 1
    assert found[key]["isSingleObservation"] is is_single
    assert found["vocabulary.weak_intensifiers"]["isSingleObservation"] is False


@pytest.mark.parametrize("answer", ["control_characters", "lone_surrogate", "unknown_pattern"])
def test_characters_that_the_database_cannot_hold_do_not_cost_the_session(
    api: Api, answer: str
) -> None:
    shown = shown_for(api, answer)

    assert shown["status"] == "COMPLETED"
    assert len(shown["insights"]) == 2


def test_nor_do_they_where_they_are_dropped(api: Api) -> None:
    broken = message("unstorable_and_invalid")
    api.world.analyst.misbehave(broken, broken)

    session_id = api.world.complete()
    (run,) = api.client.get(f"/api/sessions/{session_id}").json()["runs"]

    assert run["outcome"] == "completed"
    assert run["dropped"][0]["name"] == "Um "
