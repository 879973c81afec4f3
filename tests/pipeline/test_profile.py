"""The profile is what a recomputation from nothing gives, whatever happened before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text

from pipeline import intake, removal, review
from pipeline.database import profiles
from pipeline.database.engine import transaction
from pipeline.session import PatternStanding
from pipeline.status import Scope
from tests.talks import LINES, verbose_json
from tests.world import World

CLEAN = (
    "Good morning, our team built a bridge across the river last summer.",
    "Because the ground was soft, the engineers chose long steel piles.",
    "However, heavy rain delayed us, although everyone worked at weekends.",
    "Therefore the opening moved to October, while costs stayed within the budget.",
    "Finally, two thousand neighbours crossed it together on the first evening.",
    "That picture still makes everyone on our team proud of this difficult work.",
)


def patterns(world: World, user_id: str = "learner-1") -> dict[str, PatternStanding]:
    profile = review.profile(world.services, user_id)
    return {pattern.pattern_key: pattern for pattern in profile.patterns}


def rows(world: World) -> list[Any]:
    with transaction(world.services.engine) as db:
        return list(db.execute(text("SELECT * FROM pattern_profiles ORDER BY 1, 2")))


def recomputed(world: World) -> list[Any]:
    """The profile derived anew for every learner."""
    with transaction(world.services.engine) as db:
        for learner in db.scalars(text("SELECT id FROM learners")).all():
            profiles.refresh(db, learner)
    return rows(world)


def test_retries_and_reruns_count_nothing_twice(world: World) -> None:
    session_id = world.complete()
    once = patterns(world)

    world.deliver(session_id)
    for _ in range(2):
        intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
        world.deliver(session_id)

    assert patterns(world) == once
    assert rows(world) == recomputed(world)


def test_deleting_a_session_takes_its_counts_along(world: World) -> None:
    world.complete()
    once = patterns(world)
    second = world.complete()
    assert patterns(world)["vocabulary.fillers"].sessions_seen == 2

    removal.delete_session(world.services, second)

    assert patterns(world) == once
    assert rows(world) == recomputed(world)


def test_sessions_that_complete_at_once_lose_no_count(world: World) -> None:
    waiting = [world.upload() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(world.deliver, waiting))

    assert patterns(world)["vocabulary.fillers"].sessions_seen == 6
    assert rows(world) == recomputed(world)


def test_a_failed_rerun_leaves_the_profile_as_it_was(world: World) -> None:
    session_id = world.complete()
    once = patterns(world)
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
    world.analyst.misbehave({"kind": "answer", "status": 400, "body": {}})
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(world.deliver, session_id).exception() is not None

    assert patterns(world) == once
    assert rows(world) == recomputed(world)


def test_nothing_is_said_of_trends_below_three_sessions(world: World) -> None:
    for _ in range(2):
        world.complete()

    assert {pattern.trend for pattern in patterns(world).values()} == {None}


def test_a_pattern_that_stays_persists_and_one_that_goes_is_resolved(world: World) -> None:
    for _ in range(4):
        world.complete()
    assert patterns(world)["vocabulary.fillers"].trend == "persisting"

    world.says(verbose_json(CLEAN))
    for _ in range(3):
        world.complete()

    fillers = patterns(world)["vocabulary.fillers"]
    assert fillers.trend == "resolved"
    assert (fillers.sessions_seen, fillers.sessions_total) == (4, 7)


def test_a_pattern_that_appears_late_is_new(world: World) -> None:
    world.says(verbose_json(CLEAN))
    for _ in range(3):
        world.complete()
    world.says(verbose_json(LINES))
    world.complete()

    assert patterns(world)["vocabulary.fillers"].trend == "new"


def test_a_profile_that_was_damaged_is_whole_again_with_the_next_session(world: World) -> None:
    """What is stored of it is never read to derive the next."""
    world.complete()
    once = {key: pattern.occurrences for key, pattern in patterns(world).items()}
    with transaction(world.services.engine) as db:
        db.execute(text("UPDATE pattern_profiles SET occurrences = 999, sessions_seen = 77"))
        db.execute(text("DELETE FROM pattern_profiles WHERE pattern_key = 'vocabulary.fillers'"))

    world.complete()

    twice = {key: pattern.occurrences for key, pattern in patterns(world).items()}
    assert twice == {key: 2 * occurrences for key, occurrences in once.items()}
    assert {pattern.sessions_seen for pattern in patterns(world).values()} == {2}


def test_learners_do_not_share_a_profile(world: World) -> None:
    world.complete("ann")
    world.complete("bob")

    assert patterns(world, "ann")["vocabulary.fillers"].sessions_seen == 1
