"""The quality page: empty, one, many; golden runs against each other; exports refused."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline import golden_case, quality
from pipeline.scoring import Findings
from pipeline.verdict import Verdict
from tests.dashboard.screen import Open, words
from tests.pipeline.judging import ANN, BEN, finished, review, say
from tests.world import World


@pytest.fixture
def world(world: World) -> World:
    """Every talk is reviewed twice."""
    return world.with_settings(review_second_percent=100)


def golden_run(world: World, prompt: str, **findings: Findings) -> None:
    quality.keep_golden_run(
        world.services,
        model="claude-x",
        prompt_version=prompt,
        figures={"Precision, all": 0.5 if prompt == "v1" else 0.75, "Cost in US dollars": None},
        findings=findings,
    )


def test_nothing_judged_says_what_to_do(world: World, screen: Open) -> None:
    seen = words(screen("quality"))

    assert "Nobody judged an insight in this time" in seen
    assert "No talk was reviewed twice" in seen
    assert "`make eval STORE=1` stores one" in seen


def test_precision_has_its_interval_and_n_and_says_where_it_is_too_few(
    world: World, screen: Open
) -> None:
    finished(world, prompt_version="v2-abc")
    review(world, ANN, Verdict.CORRECT, Verdict.WRONG)

    tables = {str(t.value.columns[0]): t.value for t in screen("quality").dataframe}

    assert set(tables) == {"Category", "Prompt", "Model"}
    by_prompt = tables["Prompt"]
    assert list(by_prompt["Prompt"]) == ["v2-abc"]
    assert list(by_prompt["Correct"]) == ["33%"]
    assert list(by_prompt["95 % interval"]) == ["6% – 79%"]
    assert list(by_prompt["n judged"]) == [3]
    assert list(by_prompt["Reading"]) == ["too few to tell"]


def test_agreement_is_raw_and_kappa_with_n(world: World, screen: Open) -> None:
    finished(world)
    review(world, ANN, Verdict.CORRECT, Verdict.WRONG)
    review(world, BEN, Verdict.CORRECT, Verdict.WRONG, Verdict.CORRECT)

    page = screen("quality")

    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Same verdict"] == "67%"
    assert figures["Cohen's κ"] == "0.40"
    assert figures["n insights judged by two"] == "3"
    assert "Too few to tell" in words(page)


def test_two_golden_runs_are_set_against_each_other(world: World, screen: Open) -> None:
    session_id = finished(world)
    insight = world.detail(session_id).insights[0].id
    say(world, ANN, insight, Verdict.WRONG)
    golden_case.make(world.services, ANN, insight)
    mine, same = f"staff-{insight}", "good-chess"
    wrong, nothing = Findings(wrong=("grammar.articles",)), Findings()
    golden_run(world, "v1", **{mine: wrong, same: nothing, f"staff-{uuid4()}": wrong})
    golden_run(world, "v2", **{mine: nothing, same: nothing})

    page = screen("quality")

    table = next(t.value for t in page.dataframe if "Figure" in t.value.columns)
    assert list(table["Figure"]) == ["Cost in US dollars", "Precision, all"]
    assert list(table["Change"]) == ["", "▲ +0.250"]
    (box,) = (box for box in page.expander if box.label.startswith("Talks answered"))
    assert box.label == "Talks answered differently: 2"
    told = " ".join(str(element.value) for element in box.markdown).replace("\\", "")
    assert "✕ wrong: grammar.articles" in told
    assert "not among its talks" in told
    assert same not in told
    assert f"id={session_id}" in [link.proto.query_string for link in page.get("page_link")]


def test_use_is_told_with_what_is_not_priced(world: World, screen: Open) -> None:
    finished(world)

    figures = {m.label: m.value for m in screen("quality").metric}

    assert figures["Analyses"] == "1"
    assert figures["Cost in US dollars"] == "0.00"


def test_golden_cases_are_offered_as_a_file_where_there_are_any(world: World, screen: Open) -> None:
    assert not screen("quality").get("download_button")
    insight = world.detail(finished(world)).insights[0].id
    say(world, ANN, insight, Verdict.WRONG)
    golden_case.make(world.services, ANN, insight)

    (offered,) = screen("quality").get("download_button")

    assert offered.proto.label == "Golden cases as JSONL"


@pytest.mark.parametrize("days", ["7", "x", "-1", "30"])
def test_a_period_that_is_none_is_left_out(world: World, screen: Open, days: str) -> None:
    page = screen("quality", days=days)

    assert page.session_state["quality_days"] == (30 if days == "30" else 90)


def test_who_has_no_role_sees_nothing(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(world)
    page = screen("quality")
    monkeypatch.setenv("APP_ENV", "production")

    page.run()

    assert "Sign-in is not set up" in words(page)
    assert not page.dataframe
