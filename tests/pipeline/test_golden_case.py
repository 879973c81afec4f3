"""Golden cases out of corrections: what a case says, who may make one, and that it can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from evaluation.golden import load
from pipeline import golden_case, removal, reviewing
from pipeline.database.engine import transaction
from pipeline.errors import Forbidden, InvalidInput, OutOfDate
from pipeline.staff import Staff
from pipeline.verdict import Verdict
from tests.pipeline.judging import ANN, BEN, CAT, HABITS, SAID, finished, say
from tests.world import NOBODYS_ID, World


@pytest.fixture
def talk(world: World) -> UUID:
    return finished(world)


@pytest.fixture
def insights(world: World, talk: UUID) -> list[UUID]:
    """Articles, fillers, hedging."""
    return [insight.id for insight in world.detail(talk).insights]


def cases(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in golden_case.export(world.services, CAT).splitlines()]


def test_a_case_has_the_talk_what_is_right_and_what_was_wrong(
    world: World, insights: list[UUID]
) -> None:
    articles, fillers, _ = insights
    say(world, ANN, articles, Verdict.WRONG, rewrite="Leave it")
    say(world, ANN, fillers, Verdict.CORRECT)

    golden_case.make(world.services, ANN, articles)

    assert cases(world) == [
        {
            "id": f"staff-{articles}",
            "kind": "habit",
            "about": "grammar.articles: wrong; better: Leave it",
            "language": "en",
            "lines": list(SAID),
            "suspect": [1],
            "patterns": [{"key": "vocabulary.fillers", "severity": "medium", "quotes": [SAID[1]]}],
            "tolerated": ["vocabulary.hedging"],
        }
    ]


@pytest.mark.parametrize(
    ("verdict", "tolerated"),
    [
        (Verdict.WRONG, False),
        (Verdict.UNSUPPORTED, False),
        (Verdict.DUPLICATE, True),
        (Verdict.NOT_USEFUL, True),
    ],
)
def test_what_is_rejected_is_a_mistake_to_find_again_and_what_is_only_no_use_is_not(
    world: World, insights: list[UUID], verdict: Verdict, *, tolerated: bool
) -> None:
    say(world, ANN, insights[0], verdict)

    golden_case.make(world.services, ANN, insights[0])

    (case,) = cases(world)
    assert (HABITS[0] in case["tolerated"]) is tolerated
    assert case["patterns"] == []
    assert case["kind"] == "good"


def test_better_words_for_a_right_insight_are_a_correction_and_it_stays_a_label(
    world: World, insights: list[UUID]
) -> None:
    say(world, ANN, insights[0], Verdict.CORRECT, rewrite="Say: articles are left out")

    golden_case.make(world.services, ANN, insights[0])

    (case,) = cases(world)
    assert [label["key"] for label in case["patterns"]] == ["grammar.articles"]
    assert "articles are left out" in case["about"]


def test_a_key_that_is_right_once_is_a_label_with_all_its_places(world: World) -> None:
    talk = finished(world, habits=("vocabulary.fillers",) * 3)
    first, second, third = [insight.id for insight in world.detail(talk).insights]
    say(world, ANN, first)
    say(world, ANN, second)
    say(world, ANN, third, Verdict.DUPLICATE)

    golden_case.make(world.services, ANN, third)

    (case,) = cases(world)
    assert [label["quotes"] for label in case["patterns"]] == [[SAID[0], SAID[1]]]
    assert case["tolerated"] == []


@pytest.mark.parametrize("verdict", [None, Verdict.CORRECT])
def test_what_one_has_nothing_against_becomes_no_case(
    world: World, insights: list[UUID], verdict: Verdict | None
) -> None:
    if verdict:
        say(world, ANN, insights[0], verdict)
    say(world, BEN, insights[0], Verdict.WRONG)

    with pytest.raises(InvalidInput, match="Only an insight that you rejected"):
        golden_case.make(world.services, ANN, insights[0])

    assert cases(world) == []


def test_an_insight_has_one_case_whoever_makes_it_first(world: World, insights: list[UUID]) -> None:
    say(world, ANN, insights[0], Verdict.WRONG)
    say(world, BEN, insights[0], Verdict.UNSUPPORTED)

    golden_case.make(world.services, ANN, insights[0])
    golden_case.make(world.services, ANN, insights[0])
    golden_case.make(world.services, BEN, insights[0])

    (case,) = cases(world)
    assert case["about"] == "grammar.articles: wrong"


def test_a_case_is_taken_back_and_taking_back_again_changes_nothing(
    world: World, insights: list[UUID]
) -> None:
    say(world, ANN, insights[0], Verdict.WRONG)
    golden_case.make(world.services, ANN, insights[0])

    for _ in range(2):
        golden_case.take_back(world.services, ANN, insights[0])

    assert cases(world) == []


def test_a_case_follows_its_makers_verdicts_on_the_talk(world: World, insights: list[UUID]) -> None:
    articles, fillers, hedging = insights
    seen = say(world, ANN, articles, Verdict.WRONG)
    golden_case.make(world.services, ANN, articles)

    say(world, ANN, hedging, Verdict.CORRECT)
    say(world, BEN, fillers, Verdict.CORRECT)
    (case,) = cases(world)
    assert [label["key"] for label in case["patterns"]] == ["vocabulary.hedging"]

    say(world, ANN, articles, Verdict.CORRECT, seen=seen)
    assert cases(world) == [], "there is nothing to correct any more"


def test_a_verdict_that_is_withdrawn_takes_its_case_along(
    world: World, insights: list[UUID]
) -> None:
    seen = say(world, ANN, insights[0], Verdict.WRONG)
    golden_case.make(world.services, ANN, insights[0])

    reviewing.withdraw_verdict(world.services, ANN, insights[0], seen_version=seen)

    assert cases(world) == []


def test_a_case_goes_with_its_session(world: World, talk: UUID, insights: list[UUID]) -> None:
    say(world, ANN, insights[0], Verdict.WRONG)
    golden_case.make(world.services, ANN, insights[0])

    removal.delete_session(world.services, talk)

    assert cases(world) == []
    with pytest.raises(OutOfDate):
        golden_case.make(world.services, ANN, insights[0])


def test_the_export_is_what_the_evaluation_reads(
    world: World, insights: list[UUID], tmp_path: Path
) -> None:
    for insight_id in insights:
        say(world, ANN, insight_id, Verdict.WRONG)
        golden_case.make(world.services, ANN, insight_id)
    exported = tmp_path / "staff.jsonl"
    exported.write_text(golden_case.export(world.services, CAT), "utf-8")

    loaded = load(extra=[exported])

    staff = [case for case in loaded if case.id.startswith("staff-")]
    assert len(staff) == 3
    assert len(loaded) == len(load()) + 3
    assert staff[0].transcript.text == " ".join(SAID)
    assert staff[0].transcript.segments[1].suspect


def test_a_cases_id_leads_to_its_insight() -> None:
    assert golden_case.insight_of(f"staff-{NOBODYS_ID}") == UUID(NOBODYS_ID)
    assert golden_case.insight_of("staff-room") is None
    assert golden_case.insight_of("good-chess") is None


def test_coaches_make_cases_and_export_none(world: World, insights: list[UUID]) -> None:
    nobody = Staff("nobody", 0)  # type: ignore[arg-type] # less than any role, which is none

    with pytest.raises(Forbidden):
        golden_case.export(world.services, ANN)
    for act in (golden_case.make, golden_case.take_back):
        with pytest.raises(Forbidden):
            act(world.services, nobody, insights[0])


def test_making_taking_back_and_exporting_are_in_the_audit_without_what_was_said(
    world: World, talk: UUID, insights: list[UUID]
) -> None:
    say(world, ANN, insights[0], Verdict.WRONG, rewrite="secret words")
    golden_case.make(world.services, ANN, insights[0])
    golden_case.take_back(world.services, ANN, insights[0])
    golden_case.export(world.services, CAT)

    with transaction(world.services.engine) as db:
        entries = db.execute(text("SELECT * FROM audit_log ORDER BY id")).all()
    assert [(e.actor, e.action, e.session_id) for e in entries[1:]] == [
        (ANN.name, "golden_case", talk),
        (ANN.name, "golden_case", talk),
        (CAT.name, "export", None),
    ]
    assert "secret" not in str(entries)
