"""The list of sessions: what it shows, what it offers, and never the wrong row."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.session_table import COLUMNS
from dashboard.services import services
from pipeline import removal, review
from pipeline.criteria import ReviewNeed
from pipeline.errors import NoSpeech
from pipeline.status import Status
from tests.dashboard.screen import APP, PATIENCE_SECONDS, Open, account, point_at, words
from tests.dashboard.session_list import chosen, press, query, tick, titles
from tests.rows import ANN, add, add_result, statements
from tests.talks import tone
from tests.world import NOWHERE, World


@pytest.fixture
def coach(screen: Open, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard as Ann, a coach, has it before her."""
    monkeypatch.setenv("DASHBOARD_COACHES", ANN)
    script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    script.secrets["auth"] = {"redirect_uri": "http://localhost"}
    script.user = account()
    return script


def test_an_empty_list_says_what_to_do_and_offers_the_sample(world: World, screen: Open) -> None:
    page = screen()
    assert "No sessions yet" in words(page)
    assert not page.dataframe

    press(page, "sessions_sample")

    assert "Sample talk" in [title.value for title in page.title], "its session is opened"
    (row,) = review.list_sessions(world.services).sessions
    assert (row.title, row.source, row.status) == ("Sample talk", "test", Status.UPLOADED)
    assert world.detail(row.id).events[0].actor == "local admin"


def test_the_sample_is_uploaded_once_however_often_it_is_asked_for(
    world: World, screen: Open
) -> None:
    first, second = screen(), screen()

    press(first, "sessions_sample")
    press(second, "sessions_sample")

    assert len(review.list_sessions(world.services).sessions) == 1


def test_a_coach_sees_the_list_and_is_offered_no_upload(coach: AppTest) -> None:
    coach.run()

    assert "No sessions yet" in words(coach)
    assert "sessions_sample" not in {button.key for button in coach.button}
    assert not coach.get("page_link")


def test_a_role_that_was_lost_meanwhile_uploads_nothing(
    world: World, coach: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_QA", ANN)
    coach.run()
    monkeypatch.setenv("DASHBOARD_QA", "")

    press(coach, "sessions_sample")

    assert "This needs the role qa" in words(coach)
    assert review.list_sessions(world.services).sessions == ()


def test_storage_that_is_down_refuses_the_sample_in_words(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)

    page = press(screen(), "sessions_sample")

    assert "The audio storage cannot be reached" in words(page)
    assert "No sessions yet" in words(page)


def test_each_session_is_told_in_words(world: World, screen: Open) -> None:
    world.complete("ann", title="Ann's talk")
    failed = world.upload("bob", audio=tone(silent=True), source="test")
    with pytest.raises(NoSpeech):
        world.deliver(failed)

    table = screen().dataframe[0].value

    assert list(table["Title"]) == ["Untitled", "Ann's talk"]
    assert list(table["Learner"]) == ["bob", "ann"]
    assert list(table["Source"]) == ["test", "app"]
    assert list(table["Status"]) == ["✕ Failed", "● Completed"]
    assert list(table["Length"]) == ["0:03", "0:03"]
    assert list(table["Review"]) == ["", "Needed"]
    assert list(table["Evidence"].fillna(-1)) == [-1, 1]
    assert "Error" not in table


def test_more_columns_are_shown_to_whoever_asks(world: World, screen: Open) -> None:
    session_id = add(
        world, "failed", status=Status.FAILED, error_code="NO_SPEECH", error_message="."
    )
    page = screen()

    page.multiselect(key=COLUMNS).set_value(["Error", "Id"]).run()

    table = page.dataframe[0].value
    assert (list(table["Error"]), list(table["Id"])) == (["NO_SPEECH"], [str(session_id)])


def test_a_transcript_never_goes_into_a_tables_data(world: World, screen: Open) -> None:
    world.complete()

    assert "hospital" not in screen().dataframe[0].value.to_csv()


def test_long_lists_come_in_pages(world: World, screen: Open) -> None:
    for number in range(27):
        add(world, f"talk {number}")
    page = screen()
    assert len(titles(page)) == 25
    assert "1–25 of 27" in words(page)

    press(page, "sessions_older")
    assert titles(page) == ["talk 1", "talk 0"]
    assert "26–27 of 27" in words(page)

    press(page, "sessions_newer")
    assert titles(page)[0] == "talk 26"


def test_new_sessions_are_announced_and_move_nothing_until_asked_for(
    world: World, screen: Open
) -> None:
    add(world, "old")
    page = screen()
    add(world, "new")

    page.run()
    assert titles(page) == ["old"]
    assert "1–1 of 1" in words(page)
    assert page.button(key="sessions_show").label == "1 new: show"

    press(page, "sessions_show")
    assert titles(page) == ["new", "old"]
    assert "sessions_show" not in {button.key for button in page.button}


def test_who_comes_back_from_another_page_sees_what_is_new(world: World, screen: Open) -> None:
    add(world, "old")
    page = screen()
    add(world, "new")

    page.switch_page("views/learner.py").run()
    page.switch_page("views/sessions.py").run()

    assert titles(page) == ["new", "old"]


def test_the_strip_says_what_moves(world: World, screen: Open) -> None:
    world.upload()

    assert "◔ 1 waiting" in words(screen())


def test_what_is_chosen_is_named_with_a_link_that_keeps_the_filters(
    world: World, screen: Open
) -> None:
    ids = [add(world, f"talk {number}", source="test") for number in range(3)]
    page = screen(source="test")

    tick(page, 0, 2)

    assert chosen(page) == (ids[2], ids[0])
    assert page.radio(key="bulk_scope").options[0] == "The 2 selected"
    first, second = page.get("page_link")[:2]
    assert first.proto.label.startswith("talk 2")
    assert f"id={ids[2]}" in first.proto.query_string
    assert "source=test" in first.proto.query_string
    assert second.proto.label.startswith("talk 0")


def test_a_selection_follows_its_sessions_and_never_their_places(
    world: World, screen: Open
) -> None:
    ids = [add(world, f"talk {number}") for number in range(4)]
    page = tick(screen(), 1, 2)
    assert chosen(page) == (ids[2], ids[1])

    removal.delete_session(world.services, ids[2])
    add(world, "newest")
    page.run()
    assert titles(page) == ["talk 3", "talk 1", "talk 0"]
    assert chosen(page) == (ids[1],), "the one that is gone is chosen no more, nor its neighbour"

    press(page, "sessions_show")
    assert titles(page) == ["newest", "talk 3", "talk 1", "talk 0"]
    assert chosen(page) == (ids[1],)


def test_a_selection_that_was_sent_for_rows_that_are_gone_chooses_nothing(
    world: World, screen: Open
) -> None:
    """The browser sends places in a table that is no more."""
    add(world, "innocent")
    session_id = add(world, "gone")
    add(world, "newest")
    page = screen()
    table = str(page.dataframe[0].key)
    removal.delete_session(world.services, session_id)

    page.session_state[table] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()

    assert titles(page) == ["newest", "innocent"]
    assert chosen(page) == ()


def test_another_page_of_the_list_chooses_nothing_of_the_last(world: World, screen: Open) -> None:
    for number in range(26):
        add(world, f"talk {number}")
    page = tick(screen(), 0)

    press(page, "sessions_older")

    assert (titles(page), chosen(page)) == (["talk 0"], ())


def test_hostile_titles_are_shown_as_words(world: World, screen: Open) -> None:
    add(world, "[**bold**](http://x) :red[danger]")

    page = tick(screen(), 0)

    assert titles(page) == ["[**bold**](http://x) :red[danger]"]
    assert list(page.dataframe[0].value["Open"]) == ["Open"], "buttons hold no words of others"
    for link in page.get("page_link"):
        for live in ("**bold**", "](http", ":red[danger]"):
            assert live not in link.proto.label


def test_a_database_that_is_down_is_a_banner_and_the_filters_are_kept(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    page = screen(status="FAILED", pattern="grammar.tense", q="talk")

    assert "The database cannot be reached right now" in words(page)
    assert page.selectbox(key="sessions_filter_status").value == Status.FAILED
    assert page.selectbox(key="sessions_filter_pattern").value == "grammar.tense"
    assert page.text_input(key="sessions_filter_q").value == "talk"
    press(page, "sessions_again")
    assert query(page) == {"status": "FAILED", "pattern": "grammar.tense", "q": "talk"}


def test_a_page_asks_as_much_of_the_database_for_many_sessions_as_for_one(
    world: World, screen: Open
) -> None:
    asked: list[int] = []
    for more in (1, 11):
        for _ in range(more):
            add_result(world, "talk")
        page = screen(review=ReviewNeed.NEEDED)
        with statements(services().engine) as seen:
            page.run()
        asked.append(len(seen))

    assert asked[0] == asked[1] <= 11
