"""The review queue's page: empty, one, many, stale in each way, refused, and out of order."""

from __future__ import annotations

from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services import services
from pipeline import removal, reviewing
from pipeline.staff import Role, Staff
from pipeline.verdict import QueueRule, Rule, Verdict
from tests.dashboard.screen import Open, point_at, words
from tests.pipeline.judging import ANN, BEN, finished, must_take, review, run_again, say
from tests.world import World

ME = Staff("local admin", Role.ADMIN, is_local=True)


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing is reviewed twice, here and in the dashboard."""
    monkeypatch.setenv("REVIEW_SECOND_PERCENT", "0")
    return world.with_settings(review_second_percent=0)


def press(page: AppTest, name: str) -> AppTest:
    page.button(key=f"review_queue_{name}").click().run()
    assert not page.exception
    return page


def taken(screen: Open, **query: str) -> AppTest:
    return press(screen("review_queue", **query), "take")


def shortcuts(page: AppTest) -> dict[str, str]:
    """Key → the button that it presses."""
    held = {b.proto.shortcut: str(b.key) for b in page.button if b.proto.shortcut}
    assert len(held) == sum(bool(b.proto.shortcut) for b in page.button), "a key means one button"
    return held


def insights(world: World, session_id: UUID) -> list[UUID]:
    return [insight.id for insight in world.detail(session_id).insights]


def verdicts(world: World, session_id: UUID) -> dict[UUID, Verdict]:
    told = reviewing.opinions(world.services, ME, session_id).by_insight
    return {id_: one.mine.verdict for id_, one in told.items() if one.mine}


def test_an_empty_queue_says_so_once_one_asks(world: World, screen: Open) -> None:
    page = screen("review_queue")
    assert "Done today: 0 · left for you: 0" in words(page)

    press(page, "take")

    assert "Nothing is left for you under this rule" in words(page)


def test_opening_the_page_takes_nothing(world: World, screen: Open) -> None:
    finished(world)

    assert "left for you: 1" in words(screen("review_queue"))

    must_take(world, BEN)


def test_a_talk_is_judged_by_keys_and_completed(world: World, screen: Open) -> None:
    session_id = finished(world)
    first, second, third = insights(world, session_id)
    page = taken(screen)
    assert shortcuts(page)["1"] == f"review_queue_correct_{first}"
    assert shortcuts(page)["5"] == f"review_queue_not_useful_{first}"
    assert page.button(key="review_queue_complete").disabled

    press(page, f"correct_{first}")
    assert shortcuts(page)["2"] == f"review_queue_wrong_{second}"
    press(page, f"wrong_{second}")
    press(page, f"unsupported_{third}")
    assert "3 of 3 judged" in words(page)
    assert shortcuts(page) == {"n": "review_queue_complete", "p": "review_queue_previous"}
    press(page, "complete")

    assert verdicts(world, session_id) == {
        first: Verdict.CORRECT,
        second: Verdict.WRONG,
        third: Verdict.UNSUPPORTED,
    }
    assert "Done today: 1 · left for you: 0" in words(page)
    assert "Nothing is left for you" in words(page)


def test_complete_and_next_brings_the_next_talk(world: World, screen: Open) -> None:
    older, newer = finished(world, habits=()), finished(world, habits=())
    page = taken(screen)
    assert [link.proto.query_string for link in page.get("page_link")][-1] == f"id={newer}"

    press(page, "complete")

    assert [link.proto.query_string for link in page.get("page_link")][-1] == f"id={older}"
    assert "Done today: 1" in words(page)


def test_p_goes_back_and_u_takes_a_verdict_back(world: World, screen: Open) -> None:
    session_id = finished(world)
    first, second, _ = insights(world, session_id)
    page = press(taken(screen), f"wrong_{first}")

    press(page, "previous")
    assert shortcuts(page)["u"] == f"review_queue_undo_{first}"
    page.text_area(key=f"review_queue_note_{first}").set_value("A thought.").run()
    press(page, f"undo_{first}")
    assert verdicts(world, session_id) == {}
    assert page.text_area(key=f"review_queue_note_{first}").value == "A thought."

    press(page, f"duplicate_{first}")
    assert verdicts(world, session_id) == {first: Verdict.DUPLICATE}
    assert shortcuts(page)["1"] == f"review_queue_correct_{second}"


def test_texts_are_saved_with_the_verdict_and_by_themselves_afterwards(
    world: World, screen: Open
) -> None:
    session_id = finished(world)
    first, *_ = insights(world, session_id)
    page = taken(screen)
    page.text_area(key=f"review_queue_rewrite_{first}").set_value("Say it so.").run()
    press(page, f"wrong_{first}")
    press(page, f"go_{first}")
    page.text_area(key=f"review_queue_note_{first}").set_value("Heard twice.").run()

    mine = reviewing.opinions(world.services, ME, session_id).of(first).mine
    assert mine is not None
    assert (mine.rewrite, mine.note, mine.version) == ("Say it so.", "Heard twice.", 2)
    assert page.text_area(key=f"review_queue_rewrite_{first}").value == "Say it so."


def test_texts_that_were_changed_in_another_window_are_shown_as_they_are_now(
    world: World, screen: Open
) -> None:
    session_id = finished(world)
    first, *_ = insights(world, session_id)
    page = press(press(taken(screen), f"wrong_{first}"), "previous")
    say(world, ME, first, Verdict.WRONG, note="from elsewhere", seen=1)

    page.run()

    assert page.text_area(key=f"review_queue_note_{first}").value == "from elsewhere"


def test_a_correction_becomes_a_golden_case_by_a_click_and_none_by_another(
    world: World, screen: Open
) -> None:
    session_id = finished(world)
    first, second, _ = insights(world, session_id)
    page = press(taken(screen), f"wrong_{first}")
    press(page, f"correct_{second}")
    press(page, f"go_{second}")
    assert not [b for b in page.button if "golden" in str(b.key)], "what is right needs no case"
    press(page, f"go_{first}")

    press(page, f"golden_{first}")
    assert reviewing.opinions(world.services, ME, session_id).of(first).is_golden
    assert "take back" in page.button(key=f"review_queue_golden_{first}").label
    press(page, f"golden_{first}")

    assert not reviewing.opinions(world.services, ME, session_id).of(first).is_golden


def test_skipping_needs_a_reason_and_brings_the_next(world: World, screen: Open) -> None:
    finished(world)
    page = taken(screen)

    press(page, "skip")
    assert "Say why you skip it" in words(page)
    (reason,) = (box for box in page.text_area if "reason" in str(box.key))
    reason.set_value("I know the learner").run()
    press(page, "skip")

    assert "Nothing is left for you" in words(page)
    must_take(world, BEN)  # somebody else gets it


def test_putting_back_lets_others_take_it(world: World, screen: Open) -> None:
    finished(world)
    page = press(taken(screen), "release")

    assert "not in your hands" not in words(page)
    must_take(world, BEN)


def test_a_second_review_says_that_it_is_blind_and_shows_nothing_of_the_first(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEW_SECOND_PERCENT", "100")
    session_id = finished(world)
    review(world.with_settings(review_second_percent=100), ANN, Verdict.NOT_USEFUL)
    page = taken(screen)
    assert ANN.name not in words(page)
    assert "You see their verdicts once you finish" in words(page)

    for insight_id in insights(world, session_id):
        press(page, f"correct_{insight_id}")
    press(page, "complete")

    told = reviewing.opinions(world.services, ME, session_id)
    assert {o.verdict for one in told.by_insight.values() for o in one.others} == {
        Verdict.NOT_USEFUL
    }


def test_a_talk_deleted_by_somebody_else_is_told_and_the_next_can_be_taken(
    world: World, screen: Open
) -> None:
    rest, gone = finished(world), finished(world)
    page = taken(screen)
    (first, *_) = insights(world, gone)
    removal.delete_session(world.services, gone)

    press(page, f"wrong_{first}")
    assert "This talk was deleted meanwhile" in words(page)

    press(page, "take")
    assert f"review_queue_correct_{insights(world, rest)[0]}" in shortcuts(page).values()


def test_a_talk_taken_over_by_somebody_else_is_told(world: World, screen: Open) -> None:
    session_id = finished(world, habits=("grammar.articles",))
    page = taken(screen)
    (only,) = insights(world, session_id)
    press(page, f"correct_{only}")
    world.clock.move(hours=1)
    must_take(world, BEN)

    press(page, "complete")

    assert "somebody else took it" in words(page)
    assert verdicts(world, session_id) == {only: Verdict.CORRECT}, "nothing said is lost"


def test_a_talk_lost_while_one_was_away_is_told(world: World, screen: Open) -> None:
    finished(world)
    page = taken(screen)
    world.clock.move(hours=1)
    must_take(world, BEN)

    page.run()

    assert "not in your hands any more" in words(page)


def test_a_talk_analysed_again_meanwhile_is_told_and_gives_way(world: World, screen: Open) -> None:
    session_id = finished(world)
    page = taken(screen)
    stale, *_ = insights(world, session_id)
    run_again(world, session_id)

    press(page, f"wrong_{stale}")
    assert "analysed again meanwhile" in words(page)
    press(page, "take")

    fresh, *_ = insights(world, session_id)
    assert shortcuts(page)["1"] == f"review_queue_correct_{fresh}"


def test_a_verdict_changed_in_another_window_is_not_written_over_and_texts_stay(
    world: World, screen: Open
) -> None:
    session_id = finished(world)
    first, *_ = insights(world, session_id)
    page = taken(screen)
    page.text_area(key=f"review_queue_note_{first}").set_value("A long thought.").run()
    say(world, ME, first, Verdict.DUPLICATE)

    press(page, f"wrong_{first}")

    assert "changed in another window" in words(page)
    assert verdicts(world, session_id) == {first: Verdict.DUPLICATE}
    press(page, f"go_{first}")
    assert page.text_area(key=f"review_queue_note_{first}").value == "A long thought."
    press(page, f"save_{first}")
    mine = reviewing.opinions(world.services, ME, session_id).of(first).mine
    assert mine is not None
    assert (mine.verdict, mine.note) == (Verdict.DUPLICATE, "A long thought.")


def test_what_was_typed_outlives_a_database_that_is_down(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = finished(world)
    first, *_ = insights(world, session_id)
    page = taken(screen)
    page.text_area(key=f"review_queue_note_{first}").set_value("A long thought.").run()
    services().close()
    services.clear()
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")
    press(page, f"wrong_{first}")
    assert "The database cannot be reached" in words(page)
    assert not page.text_area, "the page could not be drawn"

    services.clear()
    point_at(world, monkeypatch)
    page.run()

    assert page.text_area(key=f"review_queue_note_{first}").value == "A long thought."


def test_who_has_no_role_any_more_is_refused_and_nothing_is_written(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = finished(world)
    first, *_ = insights(world, session_id)
    page = taken(screen)
    monkeypatch.setenv("APP_ENV", "production")

    press(page, f"wrong_{first}")

    assert "Sign-in is not set up" in words(page)
    assert verdicts(world, session_id) == {}


def test_the_rule_is_in_the_address_bar(world: World, screen: Open) -> None:
    finished(world)

    page = screen("review_queue", rule="mine")
    assert page.selectbox(key="review_queue_rule").value is QueueRule.MINE
    assert "left for you: 0" in words(page)

    page.selectbox(key="review_queue_rule").select(QueueRule.SAMPLE).run()
    assert page.selectbox(key="review_queue_percent").value == Rule().percent


@pytest.mark.parametrize("query", [{"rule": "x"}, {"rule": "sample", "percent": "9999"}])
def test_a_tampered_rule_is_left_out(world: World, screen: Open, query: dict[str, str]) -> None:
    finished(world)

    assert "left for you" in words(screen("review_queue", **query))
