"""The Upload page: facts first, each file its own row, nothing twice, nothing lost."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.services import services
from pipeline import review
from pipeline.session import SessionRow
from pipeline.status import Status
from tests.dashboard.screen import Open, point_at, words
from tests.dashboard.test_learner_page import HOSTILE, links
from tests.talks import tone
from tests.world import NOWHERE, World

NO_DATABASE = "postgresql://x:y@127.0.0.1:9/z"


def put(page: AppTest, *files: tuple[str, bytes], learner: str = "ann") -> AppTest:
    """Pick files and name the learner, as a person does."""
    if learner:
        page.text_input(key="upload_learner").set_value(learner)
    picker = page.file_uploader[0]
    for name, content in files:
        picker = picker.upload(name, content, "audio/wav")
    page.run(timeout=30)
    assert not page.exception
    return page


def send(page: AppTest, key: str = "upload_send") -> AppTest:
    page.button(key=key).click().run(timeout=30)
    assert not page.exception
    return page


def sessions(world: World, user_id: str = "ann") -> tuple[SessionRow, ...]:
    return review.list_sessions(world.services, user_id=user_id).sessions


def test_an_empty_form_says_what_it_takes_and_sends_nothing(screen: Open) -> None:
    page = screen("upload")

    assert "Up to 50 files at once, each up to 200 MB. Larger ones are not taken" in words(page)
    assert page.button(key="upload_send").disabled


def test_where_the_api_takes_larger_files_the_page_says_so(
    screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "900")

    assert "up to 900 MB, go through the API straight to storage" in words(screen("upload"))


def test_facts_are_shown_before_sending(world: World, screen: Open) -> None:
    page = put(screen("upload"), ("talk.wav", tone(4)), ("hush.ogg", tone(2, silent=True)))

    seen = words(page)
    assert "talk.wav is ready" in seen.replace("*", "")
    assert "0:04 · PCM, mono · 0.1 MB · 0 % silence · time not known yet · about $" in seen
    assert "100 % silence" in seen
    assert "Nearly all of it is silence" in seen
    assert sessions(world) == ()


def test_one_recording_becomes_a_session_which_is_opened(world: World, screen: Open) -> None:
    page = put(screen("upload"), ("talk.wav", tone()))

    send(page)

    (row,) = sessions(world)
    assert (row.title, row.source, row.status) == ("talk.wav", "test", Status.UPLOADED)
    assert world.detail(row.id).events[0].actor == "local admin"
    assert page.title[0].value == "talk\\.wav", "the session's own page"
    assert page.session_state["upload_held"] == {}, "the bytes are let go"


def test_several_go_one_by_one_and_a_bad_one_stops_no_other(world: World, screen: Open) -> None:
    page = put(
        screen("upload"),
        ("one.wav", tone(1)),
        ("notes.wav", b"just text" * 99),
        ("empty.wav", b""),
        (f"{HOSTILE}.wav", tone(2)),
    )
    assert "notes.wav This file has no audio that we can read" in words(page).replace("*", "")
    assert page.button(key="upload_send").label == "Send 2 recordings"
    page.text_input(key="upload_title").set_value("Talks")

    send(page)

    assert {row.title for row in sessions(world)} == {"Talks: one.wav", f"Talks: {HOSTILE}.wav"}
    assert links(page).count("Open its session") == 2
    assert "2 of 4 sent: all sessions of ann" in links(page)
    seen = words(page)
    assert "EMPTY_AUDIO" in seen
    assert "UNSUPPORTED_AUDIO" in seen
    raw = "\n".join(str(element.value) for element in page.markdown)
    for live in (":red[danger]", "](http"):
        assert live not in raw
    assert page.session_state["upload_held"] == {}


def test_of_too_many_files_the_rest_is_refused_and_the_others_are_looked_at(
    world: World, screen: Open
) -> None:
    many = [(f"{number:02}.wav", b"") for number in range(49)]
    page = put(screen("upload"), *many, ("good.wav", tone(1)), ("late.wav", tone(1)))

    seen = words(page).replace("*", "")
    assert "late.wav At most 50 recordings are taken at once" in seen
    assert seen.count("EMPTY_AUDIO") == 49
    assert page.button(key="upload_send").label == "Send 1 recording"

    page.button(key="upload_clear").click().run()
    assert not page.exception
    assert "EMPTY_AUDIO" not in words(page)
    assert page.button(key="upload_send").label == "Send 1 recording"


def test_a_file_above_the_limit_is_refused_by_the_server(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")

    page = put(screen("upload"), ("large.wav", tone(40)))

    assert "The recording is larger than 1 MB" in words(page)
    assert page.button(key="upload_send").disabled


def test_nothing_is_sent_before_the_learner_is_named(world: World, screen: Open) -> None:
    page = put(screen("upload"), ("talk.wav", tone(1)), learner="")

    send(page)
    assert "Name the learner first" in words(page)
    page.text_input(key="upload_learner").set_value("a\u202eb")
    send(page)
    assert "characters that cannot be shown" in words(page)

    assert review.list_sessions(world.services).sessions == ()
    assert page.button(key="upload_send").label == "Send 1 recording", "the file is still there"


def test_the_same_recording_is_noticed_with_its_earlier_session(world: World, screen: Open) -> None:
    content = tone(2)
    world.upload("bob", audio=content, title="Bob's talk")

    page = put(screen("upload"), ("again.wav", content))

    assert "The same recording was sent before, " in words(page)
    assert {"The earlier session: Bob's talk", "Its learner: bob"} <= set(links(page))
    assert not page.button(key="upload_send").disabled, "a notice, no refusal"


def test_a_second_click_sends_nothing_twice(world: World, screen: Open) -> None:
    page = put(screen("upload"), ("one.wav", tone(1)), ("two.wav", tone(2)))

    page.button(key="upload_send").click()
    send(page)
    assert page.button(key="upload_send").disabled
    page.run(timeout=30)

    assert len(sessions(world)) == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"r2_endpoint_url": NOWHERE}, "The audio storage cannot be reached"),
        ({"database_url": NO_DATABASE}, "The database cannot be reached"),
    ],
)
def test_what_is_down_loses_nothing_that_was_typed_or_picked(
    world: World,
    screen: Open,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    sentence: str,
) -> None:
    point_at(world, monkeypatch, **changed)
    page = screen("upload")
    page.text_input(key="upload_title").set_value("A title")
    put(page, ("talk.wav", tone(1)))

    send(page)

    assert sentence in words(page)
    assert "Nothing is lost" in words(page)
    assert page.text_input(key="upload_learner").value == "ann"
    assert page.text_input(key="upload_title").value == "A title"
    assert len(page.session_state["upload_held"]) == 1, "the recording is kept"


def test_a_second_try_brings_in_what_storage_refused_and_later_files_do_not_push_it_out(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)
    page = put(screen("upload"), ("first.wav", tone(1)))
    send(page)
    services().close()
    st.cache_resource.clear()
    point_at(world, monkeypatch)

    send(put(page, ("second.wav", tone(2))))
    assert [row.title for row in sessions(world)] == ["second.wav"]
    send(page, "upload_again")

    assert {row.title for row in sessions(world)} == {"first.wav", "second.wav"}
    assert page.session_state["upload_held"] == {}


def test_a_queue_that_is_down_stops_no_upload(world: World, screen: Open) -> None:
    """The queue of this world is at an address where nobody answers."""
    assert world.services.settings.qstash_url == NOWHERE
    page = put(screen("upload"), ("talk.wav", tone(1)))

    send(page)

    (row,) = sessions(world)
    assert not row.queued
    assert "Waiting" in words(page)


def test_a_recording_of_the_microphone_is_taken_like_a_file(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.audio_input[0].set_value(("recording.wav", tone(1), "audio/wav"))
    page.run(timeout=30)

    send(page)

    assert [row.title for row in sessions(world)] == ["recording.wav"]
