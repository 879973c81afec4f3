"""The list's filters: in the address bar, beside each other, saved as views, never an error."""

from __future__ import annotations

from datetime import date

from dashboard.components.session_filters import VIEWS
from pipeline.status import Status
from tests.dashboard.screen import Open, words
from tests.dashboard.session_list import EVERY, open_view, press, query, titles
from tests.rows import add, add_result
from tests.world import World


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


def test_another_filter_begins_at_its_first_page(world: World, screen: Open) -> None:
    for number in range(27):
        add(world, f"talk {number}", source="test")
    page = press(screen(), "sessions_older")

    open_view(page, "Test uploads")

    assert "1–25 of 27" in words(page)
