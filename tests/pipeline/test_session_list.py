"""The list of sessions: pages meet, it holds still while one reads, and no page costs more."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import text, update

from pipeline import intake, removal, session_list
from pipeline.criteria import Criteria
from pipeline.database.engine import transaction
from pipeline.database.models import (
    SpeakingSession,
)
from pipeline.listed import Neighbours, Offered
from pipeline.status import Scope, Stage, Status
from tests.rows import ANN, BOB, add, add_result, review, statements
from tests.world import World


def test_without_filters_every_session_is_listed_newest_first(world: World) -> None:
    add(world, "first")
    add_result(world, "second")
    add(world, "third", status=Status.FAILED)

    page = session_list.page(world.services, Criteria())

    assert [row.title for row in page.sessions] == ["third", "second", "first"]
    assert (page.matching, page.is_counted_whole, page.next_before) == (3, True, None)


def test_a_line_tells_what_the_result_says(world: World) -> None:
    session_id = world.complete("ann", title="Talk", source="test")
    detail = world.detail(session_id)

    (row,) = session_list.page(world.services, Criteria()).sessions

    assert (row.id, row.user_id, row.source, row.is_rerun) == (session_id, "ann", "test", False)
    assert (row.status, row.stage, row.error) == (Status.COMPLETED, None, None)
    assert row.words == detail.row.word_count
    assert (row.high, row.medium, row.low) == (
        detail.row.insights_high,
        detail.row.insights_medium,
        detail.row.insights_low,
    )
    assert (row.evidence_share, row.suspect_share) == (1, 0)
    assert (row.model, row.cost_usd) == (detail.runs[-1].model, detail.runs[-1].cost_usd)
    assert row.attempts == 1


def test_a_rerun_is_told_and_keeps_the_figures_of_the_result(world: World) -> None:
    session_id = world.complete()
    before = session_list.page(world.services, Criteria()).sessions[0]

    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by=ANN)

    (row,) = session_list.page(world.services, Criteria()).sessions
    assert row == replace(before, is_rerun=True, attempts=0)


def test_pages_meet_without_gap_or_repetition_though_all_were_made_at_once(world: World) -> None:
    """Created in one moment: keys are unique where times are not."""
    made = [add(world, f"talk {number}") for number in range(7)]

    seen: list[UUID] = []
    before: UUID | None = None
    while True:
        page = session_list.page(world.services, Criteria(), before=before, limit=3)
        seen += [row.id for row in page.sessions]
        assert page.matching == 7, "the count is of all pages"
        before = page.next_before
        if before is None:
            break

    assert seen == sorted(made, reverse=True)


def test_a_list_holds_still_until_the_moment_it_was_opened(world: World) -> None:
    add(world, "old")
    opened = session_list.this_moment()
    add(world, "new")

    page = session_list.page(world.services, Criteria(), until=opened)

    assert [row.title for row in page.sessions] == ["old"]
    assert page.matching == 1
    assert len(session_list.matching_ids(world.services, Criteria(), until=opened)) == 1


def test_neighbours_are_those_of_the_filtered_list(world: World) -> None:
    oldest = add(world, "a", source="test")
    middle = add(world, "b")
    newest = add(world, "c", source="test")
    near, tests = session_list.neighbours, Criteria(source="test")

    assert near(world.services, middle, Criteria()) == Neighbours(newer=newest, older=oldest)
    assert near(world.services, newest, Criteria()) == Neighbours(newer=None, older=middle)
    assert near(world.services, oldest, tests) == Neighbours(newer=newest, older=None)
    assert near(world.services, middle, tests) == Neighbours(newer=newest, older=oldest)


def test_news_are_what_came_and_what_changed_since(world: World) -> None:
    moving, gone = add(world, "moving", status=Status.UPLOADED), add(world, "gone")
    rows = session_list.page(world.services, Criteria()).sessions
    drawn = {row.id: (row.status, row.stage) for row in rows}
    since = session_list.this_moment()
    news = session_list.news(world.services, Criteria(), since=since, drawn=drawn)
    assert (news.arrived, news.changed, news.moving) == (0, 0, {})

    add(world, "new", source="test")
    removal.delete_session(world.services, gone)
    with transaction(world.services.engine) as db:
        stage = {"stage": Stage.ANALYZING}
        db.execute(update(SpeakingSession).where(SpeakingSession.id == moving).values(stage))

    news = session_list.news(world.services, Criteria(), since=since, drawn=drawn)
    assert (news.arrived, news.changed) == (1, 2)
    app = Criteria(source="app")
    assert session_list.news(world.services, app, since=since, drawn={}).arrived == 0


def test_what_moves_is_what_has_a_run_that_has_not_ended(world: World) -> None:
    world.complete()
    world.upload()
    add(world, "announced")

    assert session_list.page(world.services, Criteria()).moving == {Status.UPLOADED: 1}


def test_filters_are_offered_what_is_in_use(world: World) -> None:
    assert session_list.offered(world.services) == Offered()
    add(world, "failed", status=Status.FAILED, error_code="NO_SPEECH", error_message="Silent.")
    add(world, "failed too", status=Status.FAILED, error_code="NO_SPEECH", error_message="Silent.")
    add_result(world, "a", model="m2", insights=(("grammar.tense", "low"), ("other", "low")))
    done = add_result(world, "b", model="m1", session={"assigned_to": ANN})
    review(world, done, BOB, "completed")
    review(world, add_result(world, "c"), ANN, "completed")

    offered = session_list.offered(world.services)

    assert offered.error_codes == ("NO_SPEECH",)
    assert offered.models == ("claude", "m1", "m2")
    assert offered.prompt_versions == ("v2",)
    assert offered.pattern_keys == ("grammar.tense", "other")
    assert offered.reviewers == (ANN, BOB)


def test_counting_stops_where_it_would_cost_time(world: World) -> None:
    add(world, "newest")
    with transaction(world.services.engine) as db:
        db.execute(
            text(
                "INSERT INTO sessions (id, learner_id, language, source, status_changed_at, "
                "created_at) SELECT lpad(n::text, 32, '0')::uuid, 'learner-1', 'en', 'app', "
                "now(), now() FROM generate_series(1, :most) n"
            ),
            {"most": session_list.MOST},
        )

    page = session_list.page(world.services, Criteria())

    assert (page.matching, page.is_counted_whole) == (session_list.MOST, False)
    chosen = session_list.matching_ids(world.services, Criteria())
    assert len(chosen) == session_list.MOST
    assert chosen[0] == page.sessions[0].id, "the newest first"


def test_a_page_asks_as_much_of_the_database_for_many_sessions_as_for_one(world: World) -> None:
    asked: dict[int, int] = {}
    for total in (1, 12):
        while session_list.page(world.services, Criteria()).matching < total:
            add_result(world, "talk", insights=(("grammar.tense", "high"),))
        with statements(world.services.engine) as seen:
            session_list.page(world.services, Criteria(category="grammar"))
            session_list.offered(world.services)
        asked[total] = len(seen)

    assert asked[1] == asked[12] == 4
