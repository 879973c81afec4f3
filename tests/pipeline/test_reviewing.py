"""The review queue: each run in one pair of hands, for a while, and never twice in the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline import consenting, intake, removal, reviewing
from pipeline.consent import Consents
from pipeline.database.engine import transaction
from pipeline.errors import Forbidden, InvalidInput, OutOfDate, Taken
from pipeline.staff import Staff
from pipeline.status import Scope
from pipeline.verdict import FIRST, SECOND, QueueRule, Rule, Verdict
from tests.pipeline.judging import ANN, BEN, CAT, finished, must_take, review, run_again, say, take
from tests.world import NOBODYS_ID, World


@pytest.fixture
def once(world: World) -> World:
    """A world in which nothing is reviewed twice."""
    return world.with_settings(review_second_percent=0)


@pytest.fixture
def twice(world: World) -> World:
    """A world in which everything is reviewed twice."""
    return world.with_settings(review_second_percent=100)


def execute(world: World, statement: str, **values: object) -> None:
    with transaction(world.services.engine) as db:
        db.execute(text(statement), values)


def test_an_empty_queue_hands_out_nothing(once: World) -> None:
    assert take(once, ANN) is None
    assert reviewing.item_in_hand(once.services, ANN) is None
    progress = reviewing.progress(once.services, ANN, Rule())
    assert (progress.done_today, progress.left) == (0, 0)


def test_only_completed_talks_are_handed_out(once: World) -> None:
    once.upload()

    assert take(once, ANN) is None


def test_the_newest_talk_comes_first_and_each_once(once: World) -> None:
    older, newer = finished(once), finished(once)

    assert review(once, ANN).hand.session_id == newer
    assert review(once, ANN).hand.session_id == older
    assert take(once, ANN) is None
    assert take(once, BEN) is None, "nothing is reviewed twice here"


def test_what_one_holds_comes_back_whatever_the_rule(once: World) -> None:
    finished(once)
    finished(once)
    held = must_take(once, ANN)

    again = must_take(once, ANN, Rule(QueueRule.MINE))

    assert again.hand.review_id == held.hand.review_id
    found = reviewing.item_in_hand(once.services, ANN)
    assert found is not None
    assert found.hand.review_id == held.hand.review_id


def test_two_reviewers_who_ask_at_once_never_get_the_same(once: World) -> None:
    sessions = {finished(once) for _ in range(3)}
    people = [Staff(f"coach-{number}", ANN.role) for number in range(4)]
    start = Barrier(len(people))

    def ask(staff: Staff) -> UUID | None:
        start.wait()
        item = take(once, staff)
        return item.hand.session_id if item else None

    with ThreadPoolExecutor(len(people)) as pool:
        got = list(pool.map(ask, people))

    assert {session for session in got if session} == sessions
    assert got.count(None) == 1, "three talks for four"


def test_two_windows_of_one_reviewer_get_the_same(once: World) -> None:
    finished(once)
    finished(once)
    start = Barrier(2)

    def ask(_: int) -> UUID:
        start.wait()
        return must_take(once, ANN).hand.review_id

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(ask, range(2)))) == 1


def test_a_lock_that_ran_out_can_be_taken_over_and_the_first_is_told(once: World) -> None:
    finished(once)
    lost = must_take(once, ANN)
    once.clock.move(minutes=19)
    assert take(once, BEN) is None

    once.clock.move(minutes=2)
    taken = must_take(once, BEN)

    assert taken.hand.session_id == lost.hand.session_id
    assert reviewing.item_in_hand(once.services, ANN) is None
    with pytest.raises(Taken, match="somebody else took it"):
        reviewing.complete(once.services, ANN, lost.hand.review_id)
    with pytest.raises(Taken):
        reviewing.skip(once.services, ANN, lost.hand.review_id, reason="late")
    reviewing.release(once.services, ANN, lost.hand.review_id)
    assert must_take(once, BEN).hand.review_id == taken.hand.review_id, "Ben still has it"


def test_looking_at_it_keeps_it_in_hand(once: World) -> None:
    finished(once)
    must_take(once, ANN)
    for _ in range(3):
        once.clock.move(minutes=15)
        assert reviewing.item_in_hand(once.services, ANN)

    assert take(once, BEN) is None


def test_a_lock_that_ran_out_is_still_ones_own_while_nobody_took_it(once: World) -> None:
    finished(once)
    item = must_take(once, ANN)
    once.clock.move(minutes=60)

    review(once, ANN, item=item)

    assert reviewing.progress(once.services, ANN, Rule()).done_today == 1


def test_a_review_is_complete_when_every_insight_is_judged(once: World) -> None:
    finished(once)
    item = must_take(once, ANN)
    *all_but_last, last = item.unjudged
    for insight_id in all_but_last:
        say(once, ANN, insight_id)

    with pytest.raises(InvalidInput, match="without your verdict: 1"):
        reviewing.complete(once.services, ANN, item.hand.review_id)
    held = reviewing.item_in_hand(once.services, ANN)
    assert held is not None
    assert held.unjudged == (last,)

    say(once, ANN, last, Verdict.NOT_USEFUL)
    for _ in range(2):
        reviewing.complete(once.services, ANN, item.hand.review_id, note="done")
    assert reviewing.item_in_hand(once.services, ANN) is None


def test_a_skipped_talk_goes_to_somebody_else_and_never_back(once: World) -> None:
    finished(once)
    item = must_take(once, ANN)
    with pytest.raises(InvalidInput, match="Say why"):
        reviewing.skip(once.services, ANN, item.hand.review_id, reason=" ")

    for _ in range(2):
        reviewing.skip(once.services, ANN, item.hand.review_id, reason="I know the learner")

    assert take(once, ANN) is None
    taken = must_take(once, BEN)
    assert (taken.hand.session_id, taken.hand.round) == (item.hand.session_id, FIRST)
    with pytest.raises(OutOfDate):
        reviewing.complete(once.services, ANN, item.hand.review_id)


def test_a_released_talk_goes_to_anybody(once: World) -> None:
    finished(once)
    item = must_take(once, ANN)

    for _ in range(2):
        reviewing.release(once.services, ANN, item.hand.review_id)

    assert must_take(once, BEN).hand.session_id == item.hand.session_id


def test_the_second_review_is_by_somebody_else_and_there_is_no_third(twice: World) -> None:
    session_id = finished(twice)
    first = review(twice, ANN)
    assert first.hand.round == FIRST

    second = review(twice, BEN)

    assert (second.hand.session_id, second.hand.round) == (session_id, SECOND)
    assert take(twice, CAT) is None


def test_second_reviews_come_before_first_ones(twice: World) -> None:
    reviewed = finished(twice)
    review(twice, ANN)
    finished(twice)

    assert must_take(twice, BEN).hand.session_id == reviewed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda world, session: removal.delete_session(world.services, session), "deleted"),
        (run_again, "analysed again"),
    ],
)
def test_what_changed_in_hand_is_told_at_the_end(
    once: World, change: Callable[[World, UUID], None], sentence: str
) -> None:
    finished(once)
    item = must_take(once, ANN)
    for insight_id in item.unjudged:
        say(once, ANN, insight_id)

    change(once, item.hand.session_id)

    with pytest.raises(OutOfDate, match=sentence):
        reviewing.complete(once.services, ANN, item.hand.review_id)
    with pytest.raises(OutOfDate, match=sentence):
        reviewing.skip(once.services, ANN, item.hand.review_id, reason="why")


def test_a_run_that_is_not_shown_any_more_gives_way_to_the_one_that_is(once: World) -> None:
    session_id = finished(once)
    stale = must_take(once, ANN)
    run_again(once, session_id)
    held = reviewing.item_in_hand(once.services, ANN)
    assert held is not None
    assert not held.hand.is_shown

    fresh = must_take(once, ANN)

    assert fresh.hand.session_id == session_id
    assert fresh.hand.run_id != stale.hand.run_id
    assert fresh.hand.is_shown


def test_a_talk_that_is_analysed_again_waits_until_that_is_done(once: World) -> None:
    session_id = finished(once)
    execute(once, "UPDATE sessions SET status = 'PROCESSING' WHERE id = :id", id=session_id)

    assert take(once, ANN) is None


def test_a_talk_whose_words_must_go_once_its_run_ends_is_not_handed_out(once: World) -> None:
    session_id = finished(once, learner_id="ann")
    intake.rerun(once.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
    consenting.write(once.services, "ann", Consents(transcript_storage=False))

    assert take(once, ANN) is None
    assert reviewing.progress(once.services, ANN, Rule()).left == 0

    consenting.write(once.services, "ann", Consents())
    assert must_take(once, ANN).hand.session_id == session_id


def test_a_review_that_never_was_is_gone(once: World) -> None:
    with pytest.raises(OutOfDate):
        reviewing.complete(once.services, ANN, UUID(NOBODYS_ID))


def test_low_evidence_hands_out_what_rests_on_few_quotes(once: World) -> None:
    poor, _ = finished(once), finished(once)
    execute(
        once, "UPDATE result_summaries SET evidence_share = 0.5 WHERE session_id = :id", id=poor
    )
    rule = Rule(QueueRule.LOW_EVIDENCE)

    assert reviewing.progress(once.services, ANN, rule).left == 1
    assert must_take(once, ANN, rule).hand.session_id == poor


def test_new_prompt_hands_out_what_a_young_prompt_made(once: World) -> None:
    once.clock.move(days=-15)
    finished(once, prompt_version="v1-old")
    once.clock.move(days=15)
    finished(once, prompt_version="v1-old")
    new = finished(once, prompt_version="v9-new")
    rule = Rule(QueueRule.NEW_PROMPT)

    assert must_take(once, ANN, rule).hand.session_id == new
    assert take(once, BEN, rule) is None


def test_mine_hands_out_what_was_assigned_to_the_reviewer(once: World) -> None:
    mine, _ = finished(once), finished(once)
    execute(once, "UPDATE sessions SET assigned_to = :to WHERE id = :id", to=ANN.name, id=mine)
    rule = Rule(QueueRule.MINE)

    assert take(once, BEN, rule) is None
    assert must_take(once, ANN, rule).hand.session_id == mine


def test_a_sample_is_always_the_same_and_grows_with_its_share(once: World) -> None:
    for _ in range(6):
        finished(once)

    left = [
        reviewing.progress(once.services, ANN, Rule(QueueRule.SAMPLE, percent)).left
        for percent in (0, 30, 30, 70, 100)
    ]

    assert left[0] == 0
    assert left[1] == left[2]
    assert left == sorted(left)
    assert left[-1] == 6


def test_progress_counts_ones_own_of_today_and_what_is_left_for_one(twice: World) -> None:
    finished(twice)
    finished(twice)
    review(twice, ANN)

    ann, ben = (reviewing.progress(twice.services, who, Rule()) for who in (ANN, BEN))

    assert (ann.done_today, ann.left) == (1, 1)
    assert (ben.done_today, ben.left) == (0, 2), "one of them is a second review"
    twice.clock.move(days=1)
    assert reviewing.progress(twice.services, ANN, Rule()).done_today == 0


def test_taking_and_ending_are_in_the_audit(once: World) -> None:
    session_id = finished(once)
    review(once, ANN)

    with transaction(once.services.engine) as db:
        entries = db.execute(text("SELECT * FROM audit_log ORDER BY id")).all()
    assert {e.session_id for e in entries} == {session_id}
    assert (entries[0].action, entries[0].detail) == ("view_transcript", {"round": 1})
    assert (entries[-1].action, entries[-1].detail["state"]) == ("review", "completed")


def test_nobody_reviews_without_a_role(once: World) -> None:
    nobody = Staff("nobody", 0)  # type: ignore[arg-type] # less than any role, which is none
    insight = once.detail(finished(once)).insights[0].id
    refused: list[Callable[[], object]] = [
        lambda: take(once, nobody),
        lambda: reviewing.item_in_hand(once.services, nobody),
        lambda: reviewing.progress(once.services, nobody, Rule()),
        lambda: reviewing.complete(once.services, nobody, UUID(NOBODYS_ID)),
        lambda: reviewing.skip(once.services, nobody, UUID(NOBODYS_ID), reason="x"),
        lambda: reviewing.release(once.services, nobody, UUID(NOBODYS_ID)),
        lambda: say(once, nobody, insight),
        lambda: reviewing.withdraw_verdict(once.services, nobody, insight, seen_version=1),
    ]
    for act in refused:
        with pytest.raises(Forbidden):
            act()
