"""Acting on many sessions: what is meant is fixed and shown, a yes starts one job, once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.services import services
from pipeline import bulk
from pipeline.bulk_action import BulkAction, BulkState
from pipeline.bulk_export import LEFT_OUT, MOST_EXPORTED, export_sessions
from pipeline.errors import InvalidInput
from pipeline.staff import Role, Staff
from tests.backend.live import eventually
from tests.dashboard.screen import PATIENCE_SECONDS, account, point_at, words
from tests.pipeline.test_bulk import announced, assigned, audited, start
from tests.world import NOBODYS_ID, NOWHERE, World

COACH = Staff("cleo@example.com", Role.COACH)
ANN = "ann@example.com"


def listed() -> None:
    """A page with a list, as far as the actions know: what is selected, and what matches."""
    from uuid import UUID

    import streamlit as st

    from dashboard.bulk_actions import Matching, draw_bulk, draw_jobs
    from dashboard.components.bulk import Chosen

    ids = [UUID(each) for each in st.session_state["ids"]]
    selected = [Chosen(each, "**My** talk") for each in ids[: st.session_state["selected"]]]
    count = st.session_state.get("count", len(ids))
    draw_bulk(selected, Matching(count, lambda: ids), people=["bob@example.com"])
    draw_jobs()


@pytest.fixture
def page(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """That page, in local mode; a test says which sessions there are."""
    point_at(world, monkeypatch)
    st.cache_resource.clear()
    config.set_option("server.address", "127.0.0.1")
    yield AppTest.from_function(listed, default_timeout=PATIENCE_SECONDS)
    eventually(lambda: not _under_way(world))
    services().close()
    st.cache_resource.clear()


def _under_way(world: World) -> bool:
    return any(job.state is BulkState.RUNNING for job in bulk.recent(world.services))


def shows(page: AppTest, ids: list[UUID], *, selected: int = 0, **more: Any) -> AppTest:
    page.session_state["ids"] = [str(each) for each in ids]
    page.session_state["selected"] = selected
    for name, value in more.items():
        page.session_state[name] = value
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    """Press the one button whose key begins so."""
    (button,) = [each for each in page.button if str(each.key).startswith(key)]
    button.click().run()
    assert not page.exception
    return page


def fill(page: AppTest, field: str, value: str) -> None:
    (box,) = [each for each in page.text_input if str(each.key).startswith(f"bulk_{field}_")]
    box.set_value(value)


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_without_a_selection_nothing_can_be_pressed_by_mistake(world: World, page: AppTest) -> None:
    shows(page, announced(world, 2))

    assert labels(page) == ["Analyse again", "Process whole again", "Assign", "Delete"]
    assert all(button.disabled for button in page.button)
    assert page.radio(key="bulk_scope").value is False


def test_the_selected_are_asked_about_by_name_and_then_done_in_the_background(
    world: World, page: AppTest
) -> None:
    made = announced(world, 3)
    shows(page, made, selected=2)

    press(page, "bulk_assign")
    asked = words(page)
    assert "Assign: 2 sessions." in asked
    assert f"**My** talk · {made[0]}" in asked
    assert bulk.recent(world.services) == (), "asking starts nothing"
    (whom,) = [box for box in page.selectbox if str(box.key).startswith("bulk_whom_")]
    whom.select("bob@example.com")
    fill(page, "reason", "her group")
    press(page, "bulk_sure")

    assert "Begun: assign, 2 sessions." in words(page)
    eventually(lambda: bulk.recent(world.services)[0].state is BulkState.DONE)
    assert set(assigned(world)) == set(made[:2])
    page.run()
    assert "Assign to bob@example.com: 2 sessions, done" in words(page).replace("**", "")
    assert "her group" in words(page)


def test_a_markdown_title_is_shown_as_words(world: World, page: AppTest) -> None:
    shows(page, announced(world, 1), selected=1)

    press(page, "bulk_rerun_analysis")

    assert any(r"\*\*My\*\* talk" in caption.value for caption in page.caption)


def test_all_that_match_are_those_of_the_click(world: World, page: AppTest) -> None:
    made = announced(world, 22)
    shows(page, made)
    page.radio(key="bulk_scope").set_value(True).run()

    press(page, "bulk_rerun_analysis")

    assert "Analyse again: 22 sessions." in words(page)
    assert "and 17 sessions more" in words(page)
    fill(page, "reason", "a new prompt")
    page.session_state["ids"] = page.session_state["ids"][:1]
    fill(page, "typed", "22")
    press(page, "bulk_sure")

    eventually(lambda: bulk.recent(world.services)[0].state is BulkState.DONE)
    (job,) = bulk.recent(world.services)
    assert (job.total, job.refused) == (22, {"AUDIO_MISSING": 22})
    page.run()
    assert "22 sessions left as they are: The recording is not in the storage." in words(page)
    assert page.radio(key="bulk_scope").value is False, "the next click means the selected"


@pytest.mark.parametrize("typed", ["", "2", "yes"])
def test_a_deletion_wants_the_number_typed_and_keeps_what_was_typed(
    world: World, page: AppTest, typed: str
) -> None:
    shows(page, announced(world, 1), selected=1)
    press(page, "bulk_delete")
    fill(page, "reason", "asked by mail")
    fill(page, "typed", typed)

    press(page, "bulk_sure")

    assert "Type 1, the number of sessions, to confirm." in words(page)
    assert [box.value for box in page.text_input] == ["asked by mail", typed]
    assert bulk.recent(world.services) == ()

    fill(page, "typed", "1")
    press(page, "bulk_sure")
    eventually(lambda: bulk.recent(world.services)[0].state is BulkState.DONE)
    assert [entry.reason for entry in audited(world, "delete")] == ["asked by mail"]


def test_without_a_reason_nothing_begins(world: World, page: AppTest) -> None:
    shows(page, announced(world, 1), selected=1)
    press(page, "bulk_rerun_full")

    press(page, "bulk_sure")

    assert "Give a reason: the audit keeps it." in words(page)
    assert bulk.recent(world.services) == ()


def test_two_clicks_on_yes_start_one_job(world: World, page: AppTest) -> None:
    shows(page, announced(world, 1), selected=1)
    press(page, "bulk_rerun_full")
    fill(page, "reason", "twice")
    (sure,) = [each for each in page.button if str(each.key).startswith("bulk_sure")]

    sure.click().run()
    sure.click().run()

    eventually(lambda: bulk.recent(world.services)[0].state is BulkState.DONE)
    assert len(bulk.recent(world.services)) == 1
    assert len(audited(world, "bulk")) == 1


def test_a_database_that_goes_away_before_the_yes_loses_nothing_typed(
    world: World, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows(page, announced(world, 1), selected=1)
    press(page, "bulk_rerun_full")
    fill(page, "reason", "typed with care")
    services().close()
    st.cache_resource.clear()
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    (sure,) = [each for each in page.button if str(each.key).startswith("bulk_sure")]
    sure.click().run()

    assert "The database cannot be reached right now" in words(page)
    assert [box.value for box in page.text_input] == ["typed with care"]
    point_at(world, monkeypatch)
    st.cache_resource.clear()


def test_too_many_cannot_be_asked_for(world: World, page: AppTest) -> None:
    shows(page, announced(world, 1), count=10_001)
    page.radio(key="bulk_scope").set_value(True).run()

    assert all(button.disabled for button in page.button)
    assert page.button(key="bulk_delete").help == "At most 10,000 at once: narrow the filters."


def test_a_job_under_way_shows_how_far_it_is_and_can_be_stopped(
    world: World, page: AppTest
) -> None:
    job_id = start(world, BulkAction.ASSIGN, UUID(NOBODYS_ID))
    shows(page, [])
    assert "Assign to bob@example.com: 1 session, under way" in words(page).replace("**", "")

    press(page, f"bulk_stop_{job_id}")

    assert bulk.progress(world.services, job_id).state is BulkState.STOPPED


def test_a_job_that_nobody_works_on_says_that_the_sweeper_goes_on(
    world: World, page: AppTest
) -> None:
    away = world.with_settings(r2_endpoint_url=NOWHERE)
    job_id = start(world, BulkAction.DELETE, world.upload())
    bulk.work_off(away.services, job_id)

    shows(page, [])

    assert "the next sweep goes on" in words(page)
    bulk.work_off(world.services, job_id)


def test_each_role_is_offered_what_it_may_do(
    world: World, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.secrets["auth"] = {"redirect_uri": "http://localhost"}
    page.user = account(ANN)
    for variable, offered in (
        ("DASHBOARD_COACHES", []),
        ("DASHBOARD_QA", ["Analyse again", "Process whole again", "Assign"]),
    ):
        monkeypatch.setenv(variable, ANN)
        assert labels(shows(page, announced(world, 1), selected=1)) == offered


def test_a_role_lost_between_question_and_yes_starts_nothing(
    world: World, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.secrets["auth"] = {"redirect_uri": "http://localhost"}
    page.user = account(ANN)
    monkeypatch.setenv("DASHBOARD_QA", ANN)
    press(shows(page, announced(world, 1), selected=1), "bulk_rerun_full")
    fill(page, "reason", "while I still may")
    monkeypatch.setenv("DASHBOARD_QA", "")
    monkeypatch.setenv("DASHBOARD_COACHES", ANN)

    press(page, "bulk_sure")

    assert "This needs the role qa" in words(page)
    assert bulk.recent(world.services) == ()


def test_an_export_of_many_is_a_file_each_and_an_entry_each(world: World) -> None:
    made = [world.complete(), world.upload()]

    held = zipfile.ZipFile(
        io.BytesIO(export_sessions(world.services, COACH, [*made, UUID(NOBODYS_ID), made[0]]))
    )

    assert held.namelist() == [*(f"session-{each}.json" for each in made), LEFT_OUT]
    assert held.read(LEFT_OUT).decode() == NOBODYS_ID
    assert b"hospital" in held.read(held.namelist()[0])
    assert [entry.session_id for entry in audited(world, "export")] == made


@pytest.mark.parametrize("count", [0, MOST_EXPORTED + 1])
def test_an_export_is_bounded(world: World, count: int) -> None:
    with pytest.raises(InvalidInput, match="From 1 to 500 sessions"):
        export_sessions(world.services, COACH, [UUID(int=number) for number in range(count)])
