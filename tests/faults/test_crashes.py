"""`kill -9` of the backend before and after each commit of a delivery: nothing is lost or doubled.

What stands in the end equals what an undisturbed session leaves, whether the queue brings the
message again or has forgotten it and only the sweeper is left.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from pipeline import intake
from pipeline.session import Insight
from pipeline.status import Outcome, Scope, Status
from tests.faults.backends import Site
from tests.faults.holds import (
    ANALYSIS,
    COMMITS,
    COMPLETION,
    TRANSCRIPT,
    Commit,
    holding,
)
from tests.faults.traces import assert_profiles_are_exact, trace
from tests.world import World

QUICK_BY_QUEUE = {(TRANSCRIPT, True), (COMPLETION, False)}
QUICK_BY_SWEEPER = {(ANALYSIS, False)}


def points(quick: set[tuple[Commit, bool]]) -> list[object]:
    """Each commit, killed before and after it; all but the quick share are chaos."""
    return [
        pytest.param(
            commit,
            landed,
            id=f"{'after' if landed else 'before'} {commit.name}",
            marks=() if (commit, landed) in quick else pytest.mark.chaos,
        )
        for commit in COMMITS
        for landed in (False, True)
    ]


def killed_at(site: Site, commit: Commit, *, landed: bool, queue_forgets: bool = False) -> UUID:
    """A session whose delivery was killed there; the backend is up again."""
    with holding(site.world.services.settings, commit, landed=landed) as hold:
        session_id = site.world.upload("disturbed")
        hold.wait()
        if queue_forgets:
            site.cancel_messages()
        site.backend.kill()
        hold.let_go()
        hold.remove()
    site.backend.start()
    return session_id


def assert_as_if_undisturbed(site: Site, session_id: UUID, undisturbed: UUID) -> None:
    """The same rows, nothing in storage, and a profile that deriving it anew does not change."""
    assert trace(site.world, session_id) == trace(site.world, undisturbed)
    assert not site.world.is_stored(session_id)
    assert_profiles_are_exact(site.world)


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("commit", "landed"), points(QUICK_BY_QUEUE))
def test_a_delivery_that_was_killed_is_finished_by_the_queues_retry(
    world: World,
    site: Site,
    commit: Commit,
    landed: bool,  # noqa: FBT001 - a parameter
) -> None:
    undisturbed = world.complete("undisturbed")
    paid = Paid(site)
    session_id = killed_at(site, commit, landed=landed)

    site.wait_for(session_id, Status.COMPLETED)

    assert_as_if_undisturbed(site, session_id, undisturbed)
    paid.assert_twice_only_where_an_answer_was_lost(commit, landed=landed)


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("commit", "landed"), points(QUICK_BY_SWEEPER))
def test_a_delivery_that_was_killed_is_finished_by_the_sweeper_alone(
    world: World,
    site: Site,
    commit: Commit,
    landed: bool,  # noqa: FBT001 - a parameter
) -> None:
    undisturbed = world.complete("undisturbed")
    paid = Paid(site)
    session_id = killed_at(site, commit, landed=landed, queue_forgets=True)
    site.wait_for_leases_to_end()
    finished = (commit, landed) == (COMPLETION, True)
    assert (site.status(session_id) is Status.COMPLETED) == finished

    report = site.sweep_ahead()

    assert (report.resumed, report.failures) == (0 if finished else 1, 0)
    site.wait_for(session_id, Status.COMPLETED)
    assert_as_if_undisturbed(site, session_id, undisturbed)
    paid.assert_twice_only_where_an_answer_was_lost(commit, landed=landed)


@pytest.mark.chaos
@pytest.mark.timeout(90)
@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
def test_a_rerun_that_was_killed_shows_the_old_results_until_it_has_new_ones(
    site: Site,
    landed: bool,  # noqa: FBT001 - a parameter
) -> None:
    session_id = site.world.upload()
    site.wait_for(session_id, Status.COMPLETED)
    old = site.world.detail(session_id)
    services = site.world.services
    with holding(services.settings, COMPLETION, landed=landed) as hold:
        intake.rerun(services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
        hold.wait()
        site.backend.kill()
        shown = site.world.detail(session_id)
        hold.let_go()
        hold.remove()
    site.backend.start()
    site.wait_for(session_id, Status.COMPLETED)

    assert (shown.transcript, shown.insights) == (old.transcript, old.insights)
    new = site.world.detail(session_id)
    assert [run.outcome for run in new.runs] == [Outcome.COMPLETED] * 2
    assert {insight.id for insight in new.insights}.isdisjoint(one.id for one in old.insights)
    assert _without_ids(new.insights) == _without_ids(old.insights)
    assert_profiles_are_exact(site.world)
    assert len(site.world.whisper.calls()) == 1


def _without_ids(insights: tuple[Insight, ...]) -> list[Insight]:
    return [replace(insight, id=UUID(int=0)) for insight in insights]


class Paid:
    """What Whisper and Claude were asked since a moment."""

    def __init__(self, site: Site) -> None:
        self._world = site.world
        self._before = self._counts()

    def _counts(self) -> tuple[int, int]:
        return len(self._world.whisper.calls()), len(self._world.analyst.calls())

    def assert_twice_only_where_an_answer_was_lost(self, commit: Commit, *, landed: bool) -> None:
        """An answer is paid for again only where the kill came between it and its commit."""
        asked = tuple(
            now - before for now, before in zip(self._counts(), self._before, strict=True)
        )
        lost = None if landed else commit
        assert asked == (2 if lost is TRANSCRIPT else 1, 2 if lost is ANALYSIS else 1)
