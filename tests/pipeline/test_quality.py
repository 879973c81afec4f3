"""Precision, agreement, golden runs and use: the figures as counted by hand, and from rows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from pipeline import golden_case, quality
from pipeline.errors import Forbidden
from pipeline.scoring import Agreement, Findings, Precision, wilson
from pipeline.staff import Staff
from pipeline.verdict import Verdict
from tests.pipeline.judging import ANN, BEN, CAT, finished, review, say
from tests.world import World


@pytest.fixture
def twice(world: World) -> World:
    """A world in which everything is reviewed twice."""
    return world.with_settings(review_second_percent=100)


def test_wilsons_interval_is_as_published() -> None:
    # 81 of 263, as in Newcombe (1998), Table I: 0.2553 to 0.3662.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    # 0 of 20, the same table: 0 to 0.1611.
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) is None


def test_kappa_is_as_counted_by_hand() -> None:
    # Agreement on 20 + 15 of 50; by chance (25 * 30 + 25 * 20) / 2500 = 0.5.
    told = Agreement({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})

    assert told.n == 50
    assert told.raw == pytest.approx(0.7)
    assert told.kappa == pytest.approx(0.4)
    assert not told.is_too_few


def test_kappa_is_not_said_where_chance_leaves_nothing_to_disagree_about() -> None:
    same = Agreement({("correct", "correct"): 5})
    assert (same.raw, same.kappa, same.is_too_few) == (1.0, None, True)

    nothing = Agreement({})
    assert (nothing.n, nothing.raw, nothing.kappa) == (0, None, None)

    assert Agreement({("a", "b"): 1}).kappa == 0.0


def test_nothing_judged_gives_nothing(world: World) -> None:
    found = quality.quality(world.services, ANN, days=30)

    assert (found.by_category, found.by_prompt, found.by_model) == ((), (), ())
    assert found.agreement.n == 0
    assert sum(day.analyses for day in found.use) == 0


def test_precision_is_counted_by_category_prompt_and_model(world: World) -> None:
    one = world.detail(finished(world, prompt_version="v1", model="a")).insights
    two = world.detail(finished(world, prompt_version="v2", model="a")).insights
    for insight in one:
        say(world, ANN, insight.id, Verdict.CORRECT)
    say(world, ANN, two[0].id, Verdict.NOT_USEFUL)
    say(world, ANN, two[1].id, Verdict.CORRECT)

    found = quality.quality(world.services, ANN, days=30)

    assert found.by_category == (Precision("grammar", 1, 2), Precision("vocabulary", 3, 3))
    assert found.by_prompt == (Precision("v1", 3, 3), Precision("v2", 1, 2))
    assert found.by_model == (Precision("a", 4, 5),)
    assert found.by_prompt[1].share == 0.5
    assert found.by_prompt[1].interval == wilson(1, 2)
    assert found.by_prompt[1].is_too_few


def test_of_several_verdicts_on_an_insight_the_first_counts(world: World) -> None:
    insight = world.detail(finished(world, habits=("grammar.articles",))).insights[0].id
    say(world, ANN, insight, Verdict.WRONG)
    world.clock.move(minutes=1)
    say(world, BEN, insight, Verdict.CORRECT)

    assert quality.quality(world.services, ANN, days=30).by_category == (
        Precision("grammar", 0, 1),
    )


def test_what_was_judged_before_the_period_does_not_count(world: World) -> None:
    insight = world.detail(finished(world)).insights[0].id
    say(world, ANN, insight)
    world.clock.move(days=31)

    assert quality.quality(world.services, ANN, days=30).by_category == ()
    assert quality.quality(world.services, ANN, days=90).by_category != ()


def test_agreement_is_of_first_and_second_reviews_of_the_same_insights(twice: World) -> None:
    finished(twice)
    review(twice, ANN, Verdict.CORRECT, Verdict.WRONG, Verdict.WRONG)
    assert quality.quality(twice.services, ANN, days=30).agreement.n == 0
    review(twice, BEN, Verdict.CORRECT, Verdict.WRONG, Verdict.DUPLICATE)

    told = quality.quality(twice.services, ANN, days=30).agreement

    assert told.pairs == {
        ("correct", "correct"): 1,
        ("wrong", "wrong"): 1,
        ("wrong", "duplicate"): 1,
    }


def test_a_verdict_changed_after_the_review_does_not_mend_the_agreement(twice: World) -> None:
    finished(twice, habits=("grammar.articles", "vocabulary.fillers"))
    review(twice, ANN, Verdict.WRONG)
    item = review(twice, BEN, Verdict.CORRECT)
    twice.clock.move(minutes=1)
    say(twice, BEN, item.detail.insights[0].id, Verdict.WRONG, seen=1)

    told = quality.quality(twice.services, ANN, days=30).agreement

    assert told.pairs == {("wrong", "correct"): 1}, "the other insight alone"


def test_use_is_told_for_every_day(world: World) -> None:
    finished(world)
    finished(world)
    world.clock.move(days=1)

    days = quality.quality(world.services, ANN, days=2).use

    assert len(days) == 3
    assert days[-1].day - days[0].day == timedelta(days=2)
    spent = days[-2]
    assert (spent.analyses, spent.input_tokens, spent.output_tokens) == (2, 2000, 400)
    assert (spent.cache_read_tokens, spent.cache_write_tokens) == (600, 0)
    assert (spent.cost_usd, spent.unpriced) == (Decimal("0.004"), 0)
    assert (days[-1].analyses, days[-1].cost_usd) == (0, None)


def test_golden_runs_are_kept_newest_first_and_set_against_each_other(world: World) -> None:
    insight = world.detail(finished(world)).insights[0].id
    say(world, ANN, insight, Verdict.WRONG)
    golden_case.make(world.services, ANN, insight)
    session_id = world.detail(finished(world)).row.id
    mine, gone = f"staff-{insight}", f"staff-{uuid4()}"
    right, missed = Findings(right=("grammar.articles",)), Findings(missed=("grammar.articles",))
    for prompt, findings in (
        ("v1", {"same": right, mine: right, gone: missed}),
        ("v2", {"same": right, mine: missed, "new": right}),
    ):
        quality.keep_golden_run(
            world.services,
            model="m",
            prompt_version=prompt,
            figures={"allF1": 0.5, "costUsd": None},
            findings=findings,
        )

    held = quality.golden_runs(world.services, ANN)
    after, before = held.runs
    changed = {talk.talk: talk for talk in quality.changes(world.services, ANN, before, after)}

    assert held.staff_cases == 1
    assert (after.prompt_version, before.prompt_version, after.talks) == ("v2", "v1", 3)
    assert after.figures == {"allF1": 0.5, "costUsd": None}
    assert set(changed) == {mine, gone, "new"}
    assert (changed[mine].before, changed[mine].after) == (right, missed)
    assert changed["new"].before is None
    assert changed[gone].after is None
    assert changed[gone].session_id is None
    assert changed[mine].session_id not in {None, session_id}


def test_nobody_looks_without_a_role(world: World) -> None:
    nobody = Staff("nobody", 0)  # type: ignore[arg-type] # less than any role, which is none

    with pytest.raises(Forbidden):
        quality.quality(world.services, nobody, days=30)
    with pytest.raises(Forbidden):
        quality.golden_runs(world.services, nobody)
    assert quality.golden_runs(world.services, CAT).runs == ()
