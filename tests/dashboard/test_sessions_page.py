"""The list of sessions: what it shows, its filters in the address bar, and never the wrong row."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.session_filters import VIEWS
from dashboard.components.session_table import CHOSEN, COLUMNS
from dashboard.services import services
from pipeline import intake, review
from pipeline.criteria import ReviewNeed
from pipeline.errors import NoSpeech
from pipeline.status import Status
from tests.dashboard.screen import APP, Open, point_at, words
from tests.rows import ANN, add, add_result, statements
from tests.talks import tone
from tests.world import NOWHERE, World

SIGNED_IN = {"is_logged_in": True, "email": ANN, "email_verified": True}

EVERY = {
    "status": "FAILED",
    "error": "NO_SPEECH",
    "from": "2026-03-02",
    "until": "2026-03-01",
    "learner": "ann",
    "source": "test",
    "review": "needed",
    "reviewer": ANN,
    "category": "grammar",
    "pattern": "grammar.tense",
    "severity": "high",
    "model": "claude",
    "prompt": "v2",
    "suspect": "20",
    "evidence": "80",
    "audio": "held",
    "stuck": "yes",
    "words": "bridge",
    "q": "talk",
}
"""Each filter, as the address bar holds it."""


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def titles(page: AppTest) -> list[str]:
    """Titles of the rows that are drawn."""
    return list(page.dataframe[0].value["Title"]) if page.dataframe else []


def tick(page: AppTest, *rows: int) -> AppTest:
    """Tick rows by their place, as a person does."""
    chosen = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    page.session_state[str(page.dataframe[0].key)] = chosen
    page.run()
    assert not page.exception
    return page


def chosen(page: AppTest) -> tuple[UUID, ...]:
    held: tuple[UUID, ...] = page.session_state[CHOSEN]
    return held


def query(page: AppTest) -> dict[str, Any]:
    """The address bar: a list where the page wrote it, as it was given where it did not."""
    held = page.query_params.items()
    return {name: value[0] if isinstance(value, list) else value for name, value in held}


def open_view(page: AppTest, name: str) -> None:
    (views,) = page.button_group
    views.set_value(name).run()
    assert not page.exception


@pytest.fixture
def coach(screen: Open, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard as Ann, a coach, has it before her."""
    monkeypatch.setenv("DASHBOARD_COACHES", ANN)
    script = AppTest.from_file(str(APP), default_timeout=10)
    script.secrets["auth"] = {"redirect_uri": "http://localhost"}
    script.user = SIGNED_IN
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


def test_filters_of_the_address_bar_are_applied_and_shown(world: World, screen: Open) -> None:
    add(world, "Bob's talk", status=Status.UPLOADED, learner_id="bob")
    add(world, "Ann's talk", status=Status.UPLOADED, learner_id="ann")
    add(world, "Bob's other talk", learner_id="bob")

    page = screen(status="UPLOADED", learner="bob")

    assert titles(page) == ["Bob's talk"]
    assert page.selectbox(key="sessions_filter_status").value == Status.UPLOADED
    assert page.text_input(key="sessions_filter_learner").value == "bob"
    assert page.button(key="sessions_clear").label == "Clear (2)"


def test_every_filter_has_its_widget(screen: Open) -> None:
    page = screen(**EVERY)

    assert "No session matches these filters" in words(page)
    assert page.button(key="sessions_clear").label == f"Clear ({len(EVERY)})"
    assert "More filters that are set: error, from, until" in words(page)
    widgets = [page.selectbox, page.text_input, page.date_input, page.number_input, page.toggle]
    shown = {w.key: w.value for kind in widgets for w in kind}
    assert {name: shown[f"sessions_filter_{name}"] for name in EVERY} == {
        **EVERY,
        "from": date(2026, 3, 2),
        "until": date(2026, 3, 1),
        "suspect": 20,
        "evidence": 80,
        "audio": True,
        "stuck": True,
    }
    assert query(page) == EVERY


def test_a_filter_that_is_changed_goes_to_the_address_bar_beside_the_others(
    world: World, screen: Open
) -> None:
    add(world, "Ann's talk", learner_id="ann", status=Status.FAILED)
    add(world, "Bob's talk", learner_id="bob", status=Status.FAILED)
    page = screen(status="FAILED")

    page.text_input(key="sessions_filter_learner").set_value(" bob ").run()
    page.number_input(key="sessions_filter_evidence").set_value(80).run()
    page.toggle(key="sessions_filter_audio").set_value(True).run()
    assert query(page) == {
        "status": "FAILED",
        "learner": "bob",
        "evidence": "80",
        "audio": "held",
    }
    assert "No session matches" in words(page)

    page.toggle(key="sessions_filter_audio").set_value(False).run()
    page.number_input(key="sessions_filter_evidence").set_value(None).run()

    assert query(page) == {"status": "FAILED", "learner": "bob"}
    assert titles(page) == ["Bob's talk"]


def test_one_click_clears_all_filters(world: World, screen: Open) -> None:
    add(world, "A talk")
    page = screen(status="FAILED", learner="nobody", words="x")
    assert titles(page) == []

    press(page, "sessions_clear")

    assert titles(page) == ["A talk"]
    assert query(page) == {}
    assert page.button(key="sessions_clear").disabled


def test_tampered_filters_are_left_out(world: World, screen: Open) -> None:
    add(world, "A talk")

    page = screen(status="NONSENSE", q="a\x00b", since="1", until="9999-12-31", evidence="1e9")

    assert titles(page) == ["A talk"]
    assert page.button(key="sessions_clear").disabled, "no filter is set"


def test_a_value_that_nobody_has_is_shown_as_the_filter_that_finds_nothing(screen: Open) -> None:
    page = screen(model="[a](http://x)", error="GONE")

    assert page.selectbox(key="sessions_filter_error").value == "GONE"
    assert "No session matches" in words(page)


def test_a_saved_view_sets_its_filters_and_no_others(screen: Open) -> None:
    page = screen(q="talk")

    for name, filters in VIEWS.items():
        open_view(page, name)
        assert query(page) == filters


def test_a_saved_view_is_known_by_its_filters(screen: Open) -> None:
    page = screen(source="test")
    assert page.session_state["sessions_view"] == "Test uploads"

    page.text_input(key="sessions_filter_q").set_value("talk").run()
    assert page.session_state["sessions_view"] is None


def test_saved_views_find_what_their_names_say(world: World, screen: Open) -> None:
    now = world.clock()
    add(world, "failed today", status=Status.FAILED, created_at=now)
    add(world, "failed before", status=Status.FAILED)
    add(world, "test", source="test")
    add_result(world, "mine", session={"assigned_to": "local admin"})
    add_result(world, "unproven", evidence_share=0.5)

    page, found = screen(), {}
    for name in VIEWS:
        open_view(page, name)
        found[name] = titles(page)

    assert found == {
        "Needs review": ["unproven", "mine"],
        "Mine": ["mine"],
        "Failed today": ["failed today"],
        "Stuck": ["test"],
        "Low evidence": ["unproven"],
        "Audio held": [],
        "Test uploads": ["test"],
    }


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


def test_another_filter_begins_at_its_first_page(world: World, screen: Open) -> None:
    for number in range(27):
        add(world, f"talk {number}", source="test")
    page = press(screen(), "sessions_older")

    open_view(page, "Test uploads")

    assert "1–25 of 27" in words(page)


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
    assert "2 chosen" in words(page)
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

    intake.delete_session(world.services, ids[2])
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
    intake.delete_session(world.services, session_id)

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

    assert asked[0] == asked[1] <= 8
