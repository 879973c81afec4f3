"""Two runs beside each other, and which of them a session shows."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from pipeline import audit_trail, comparison, intake, review
from pipeline.comparison import Comparison, compare, compared
from pipeline.current_run import make_current
from pipeline.errors import (
    AlreadyRunning,
    AnalysisRejected,
    Forbidden,
    InvalidInput,
    NotFound,
)
from pipeline.session import Insight, Metric, RunResults, SessionDetail
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Scope
from tests.answers import message
from tests.world import World

QA = Staff("quinn@example.com", Role.QA)
ADMIN = Staff("ann@example.com", Role.ADMIN)


def analyse_again(world: World, session_id: UUID, answer: str | None = None) -> UUID:
    """Another run of the analysis, with one of `tests/answers/` where it is named."""
    if answer is not None:
        world.analyst.misbehave(message(answer))
    run_id = intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    world.deliver(session_id, run_id=run_id)
    return run_id


@pytest.fixture
def twice(world: World) -> SessionDetail:
    """A session with two completed runs, of which the second found something else."""
    session_id = world.complete()
    analyse_again(world, session_id, "valid")
    return world.detail(session_id)


def both_runs(world: World, detail: SessionDetail) -> Comparison:
    first, second = detail.runs
    return compare(world.services, detail.row.id, first.id, second.id)


def shown(world: World, session_id: UUID) -> tuple[UUID | None, set[UUID]]:
    """Which run a session shows, and the insights that it shows."""
    detail = world.detail(session_id)
    return detail.result_run_id, {insight.id for insight in detail.insights}


def test_a_comparison_names_what_both_found_and_what_only_one(
    world: World, twice: SessionDetail
) -> None:
    found = both_runs(world, twice)

    assert (found.first.run, found.second.run) == twice.runs
    assert found.second.insights == twice.insights, "the last run is shown"
    keys = {insight.pattern_key for insight in found.first.insights}
    assert {pair.first.pattern_key for pair in found.both} == keys & {
        insight.pattern_key for insight in found.second.insights
    }
    assert all(pair.first.pattern_key == pair.second.pattern_key for pair in found.both)
    assert all(insight.pattern_key not in keys for insight in found.only_second)
    assert len(found.both) + len(found.only_first) == len(found.first.insights)
    assert len(found.both) + len(found.only_second) == len(found.second.insights)
    assert found.only_first, "the two answers are different"


def test_the_figures_of_one_transcript_are_the_same(world: World, twice: SessionDetail) -> None:
    found = both_runs(world, twice)

    assert found.differences == ()
    assert found.same_metrics == len(twice.metrics) > 0


@pytest.fixture
def results(world: World) -> RunResults:
    session_id = world.complete()
    (run,) = world.detail(session_id).runs
    return compare(world.services, session_id, run.id, run.id).first


def test_a_changed_severity_is_told(results: RunResults) -> None:
    first, *others = results.insights
    milder = replace(first, id=uuid4(), severity="low" if first.severity == "high" else "high")

    found = compared(results, replace(results, insights=(milder, *others)))

    assert [pair.severity_changed for pair in found.both] == [True] + [False] * len(others)


def test_of_several_insights_on_one_key_each_is_paired_once(results: RunResults) -> None:
    first = results.insights[0]
    again: Insight = replace(first, id=uuid4())

    found = compared(replace(results, insights=(first, again)), replace(results, insights=(first,)))

    assert [pair.second for pair in found.both] == [first]
    assert (found.only_first, found.only_second) == ((again,), ())


def test_figures_that_differ_are_told_and_those_of_another_formula_not_compared(
    results: RunResults,
) -> None:
    gone, changed, other, *same = results.metrics
    newer: Metric = replace(other, formula_version="0")
    moved = replace(changed, value=changed.value + 1)

    found = compared(results, replace(results, metrics=(moved, newer, *same)))

    told = {each.label: each for each in found.differences}
    assert set(told) == {gone.label, changed.label, other.label}
    assert (told[gone.label].first, told[gone.label].second) == (gone.value, None)
    assert (told[changed.label].first, told[changed.label].second) == (changed.value, moved.value)
    assert [each.same_formula for each in found.differences if each.label == other.label] == [False]
    assert found.same_metrics == len(same)


def test_runs_of_other_sessions_and_runs_without_results_are_not_compared(
    world: World, twice: SessionDetail
) -> None:
    other = world.detail(world.complete("somebody-else")).runs[0].id
    waiting = intake.rerun(world.services, twice.row.id, scope=Scope.ANALYSIS)

    for run_id in (other, waiting, uuid4()):
        with pytest.raises(NotFound):
            comparison.compare(world.services, twice.row.id, twice.runs[0].id, run_id)


def test_an_earlier_run_is_made_current_with_all_that_follows_from_it(
    world: World, twice: SessionDetail
) -> None:
    earlier = both_runs(world, twice).first
    before = review.profile(world.services, twice.row.user_id)

    make_current(world.services, QA, twice.row.id, earlier.run.id, reason="The second is vague.")

    detail = world.detail(twice.row.id)
    assert (detail.result_run_id, detail.insights) == (earlier.run.id, earlier.insights)
    assert (detail.summary, detail.dropped) == (earlier.summary, earlier.run.dropped)
    assert detail.runs == twice.runs
    after = review.profile(world.services, twice.row.user_id)
    assert {standing.pattern_key for standing in after.patterns} == {
        insight.pattern_key for insight in earlier.insights
    }
    assert after.patterns != before.patterns
    (entry,) = audit_trail.of_session(world.services, ADMIN, twice.row.id)
    assert (entry.actor, entry.action) == (QA.name, AuditAction.MAKE_CURRENT)
    assert entry.reason == "The second is vague."
    assert entry.detail == {
        "run": str(earlier.run.id),
        "instead_of": str(twice.result_run_id),
    }


def test_making_it_current_twice_is_done_once(world: World, twice: SessionDetail) -> None:
    for _ in range(2):
        make_current(world.services, QA, twice.row.id, twice.runs[0].id)

    assert len(audit_trail.of_session(world.services, ADMIN, twice.row.id)) == 1


def test_the_next_run_that_succeeds_is_shown_again(world: World, twice: SessionDetail) -> None:
    make_current(world.services, QA, twice.row.id, twice.runs[0].id)

    newest = analyse_again(world, twice.row.id)

    assert world.detail(twice.row.id).result_run_id == newest


def test_a_coach_may_not_choose(world: World, twice: SessionDetail) -> None:
    before = shown(world, twice.row.id)

    with pytest.raises(Forbidden):
        make_current(world.services, Staff("c", Role.COACH), twice.row.id, twice.runs[0].id)

    assert shown(world, twice.row.id) == before


def test_a_run_of_another_session_is_never_shown(world: World, twice: SessionDetail) -> None:
    other = world.detail(world.complete("somebody-else")).runs[0].id
    before = shown(world, twice.row.id)

    for session_id, run_id in ((twice.row.id, other), (uuid4(), other), (twice.row.id, uuid4())):
        with pytest.raises(NotFound):
            make_current(world.services, QA, session_id, run_id)

    assert shown(world, twice.row.id) == before


def test_a_run_that_failed_is_never_shown(world: World, twice: SessionDetail) -> None:
    with pytest.raises(AnalysisRejected):
        analyse_again(world, twice.row.id, "refusal")
    failed = world.detail(twice.row.id).runs[-1]
    before = shown(world, twice.row.id)

    with pytest.raises(InvalidInput):
        make_current(world.services, QA, twice.row.id, failed.id)

    assert shown(world, twice.row.id) == before


def test_while_a_run_is_live_nobody_chooses(world: World, twice: SessionDetail) -> None:
    intake.rerun(world.services, twice.row.id, scope=Scope.ANALYSIS)
    before = shown(world, twice.row.id)

    with pytest.raises(AlreadyRunning):
        make_current(world.services, QA, twice.row.id, twice.runs[0].id)

    assert shown(world, twice.row.id) == before
