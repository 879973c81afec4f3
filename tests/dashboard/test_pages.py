"""Every page in its states: empty, one, many, failed, malformed, unknown."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pipeline import review
from pipeline.status import Status
from tests.dashboard.screen import Open, point_at, words
from tests.talks import tone
from tests.world import NOWHERE, World


def button(script: AppTest, key: str) -> AppTest:
    """Press a button and look again."""
    script.button(key=key).click().run()
    assert not script.exception
    return script


def test_the_local_viewer_is_told_that_he_is_admin(screen: Open) -> None:
    assert "Local mode: you are admin" in words(screen())


def test_an_upload_becomes_a_session_of_the_learner(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")

    (row,) = review.list_sessions(world.services, user_id="ann").sessions
    assert (row.title, row.source, row.status) == ("talk.wav", "test", Status.UPLOADED)
    assert world.detail(row.id).events[0].actor == "local admin"


def test_a_second_click_uploads_nothing_twice(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")
    button(page, "upload_send")

    assert len(review.list_sessions(world.services, user_id="ann").sessions) == 1


def test_a_file_that_is_no_audio_is_refused_in_words(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("notes.wav", b"just text" * 99, "audio/wav")
    page.run()

    button(page, "upload_send")

    assert "notes.wav: This file has no audio that we can read" in words(page)
    assert review.list_sessions(world.services).sessions == ()


def test_nothing_can_be_sent_before_the_learner_is_named(screen: Open) -> None:
    page = screen("upload")

    assert page.button(key="upload_send").disabled


def test_a_learner_shows_patterns_and_says_when_trends_begin(world: World, screen: Open) -> None:
    world.complete("ann", title="Ann's talk")

    page = screen("learner", id="ann")

    assert "vocabulary.fillers" in list(page.dataframe[0].value["Key"])
    assert set(page.dataframe[0].value["Trend"]) == {""}
    assert "Trends are said from 3 completed sessions on; there are 1" in words(page)


def test_an_unknown_learner_is_explained(screen: Open) -> None:
    assert "There is no such learner" in words(screen("learner", id="nobody"))
    assert "Name a learner" in words(screen("learner"))


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen())


def test_storage_that_is_down_refuses_the_upload_and_keeps_what_was_typed(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")

    assert "The audio storage cannot be reached" in words(page)
    assert page.text_input(key="upload_learner").value == "ann"
