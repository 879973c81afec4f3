"""The operations page: what the queue gave up, and what an admin may do about it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.links import OPERATIONS_PAGE
from pipeline import removal
from pipeline.status import Status
from tests.backend.live import eventually
from tests.dashboard.screen import APP, PATIENCE_SECONDS, Open, account, point_at, words
from tests.letters import Burials
from tests.local.destination import Reply
from tests.world import NOWHERE, World

ANN = "ann@example.com"


@pytest.fixture
def operations(burials: Burials, screen: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens pages of a dashboard whose queue is that of the burials."""
    point_at(burials.world, monkeypatch)
    return screen


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def buttons(page: AppTest) -> set[str]:
    return {str(button.key) for button in page.button}


def letter_links(page: AppTest) -> list[Any]:
    """Links to sessions; those to the list say what they show."""
    return [link for link in page.get("page_link") if not link.proto.label.startswith("Show")]


def test_nothing_given_up_is_good_news(operations: Open) -> None:
    page = operations("operations")

    seen = words(page)
    assert "No dead letters: the queue gave up on nothing." in seen
    for part in ("Database", "Storage", "Queue"):
        assert f"{part} answers." in seen
    assert not [key for key in buttons(page) if key.startswith("letter")]


def test_sessions_are_counted_by_status(burials: Burials, operations: Open) -> None:
    burials.world.complete()

    counts = {metric.label: metric.value for metric in operations("operations").metric}

    assert counts["Completed"] == "1"
    assert counts["Failed"] == "0"


def test_a_dead_letter_is_told_in_words(burials: Burials, operations: Open) -> None:
    burials.bury_failed(title="My talk")

    page = operations("operations")

    assert "TRANSCRIPTION_UNAVAILABLE (HTTP 503) after 4 deliveries" in words(page)
    assert "Processing a session" in words(page)
    (link,) = letter_links(page)
    assert "My talk · learner-1 · Failed" in link.proto.label.replace("\\", "")


def test_a_titles_markdown_is_shown_as_words(burials: Burials, operations: Open) -> None:
    burials.bury_failed(title="**bold** :red[danger] [a](http://x)")

    (link,) = letter_links(operations("operations"))

    for live in ("**bold**", ":red[danger]", "](http"):
        assert live not in link.proto.label


def test_retry_brings_it_back_in_the_viewers_name(burials: Burials, operations: Open) -> None:
    session_id = burials.bury_failed()
    page = operations("operations")

    press(page, f"letter_retry_{burials.id(session_id)}")

    assert "Back in the queue." in words(page)
    assert burials.ids(session_id) == []
    last = burials.world.detail(session_id).events[-1]
    assert (last.to_status, last.actor) == (Status.FAILED, "local admin")


def test_a_second_click_is_told_why_it_does_nothing(burials: Burials, operations: Open) -> None:
    """Two people have the page open; both press."""
    session_id = burials.bury_failed()
    letter_id = burials.id(session_id)
    first, second = operations("operations"), operations("operations")

    press(first, f"letter_retry_{letter_id}")
    press(second, f"letter_retry_{letter_id}")

    assert "There is no such dead letter." in words(second)
    retries = [e for e in burials.world.detail(session_id).events if e.actor == "local admin"]
    assert len(retries) == 1


def test_what_cannot_be_retried_says_why(burials: Burials, operations: Open) -> None:
    session_id = burials.bury_failed(heard=400)

    page = operations("operations")

    assert page.button(key=f"letter_retry_{burials.id(session_id)}").disabled
    assert "No retry can mend what went wrong" in words(page)
    assert page.button(key="letters_retry_all").disabled


def test_retrying_all_asks_first_and_says_what_became_of_them(
    burials: Burials, operations: Open
) -> None:
    good = [burials.bury_failed(user_id=f"learner-{number}") for number in range(2)]
    hopeless = burials.bury_failed(heard=400)
    page = operations("operations")
    assert page.button(key="letters_retry_all").label == "Retry all that can be (2)"

    press(page, "letters_retry_all")
    assert all(burials.ids(session_id) for session_id in good), "asking retries nothing"
    press(page, "letters_retry_all_sure")

    assert "2 back in the queue; 1 cannot be retried." in words(page)
    assert [burials.ids(session_id) for session_id in good] == [[], []]
    assert burials.ids(hopeless)


def test_deleting_asks_first_and_leaves_the_session(burials: Burials, operations: Open) -> None:
    session_id = burials.bury_failed()
    before = burials.world.detail(session_id)
    page = operations("operations")

    press(page, f"letter_delete_{burials.id(session_id)}")
    assert burials.ids(session_id), "asking deletes nothing"
    press(page, "letter_delete_sure")

    assert "The dead letter is deleted." in words(page)
    assert "No dead letters" in words(page)
    assert burials.ids(session_id) == []
    assert burials.world.detail(session_id) == before


def test_a_letter_of_a_session_that_is_gone_can_only_be_deleted(
    burials: Burials, operations: Open
) -> None:
    session_id = burials.bury_failed()
    removal.delete_session(burials.world.services, session_id)

    page = operations("operations")

    assert "Its session is gone. Delete the letter." in words(page)
    assert not letter_links(page)
    assert page.button(key=f"letter_retry_{burials.id(session_id)}").disabled


def test_a_letter_that_nobody_answered_says_so(
    burials: Burials, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = burials.world.with_settings(app_url=NOWHERE)
    point_at(away, monkeypatch)
    away.upload()
    url = away.services.settings.process_url
    eventually(lambda: burials.client.dlq.list(filter={"url": url}).messages)

    assert "no answer after 4 deliveries" in words(screen("operations"))


def test_many_letters_come_in_pages(burials: Burials, operations: Open) -> None:
    url = f"{burials.destination.url}/api/internal/sweep"
    burials.destination.reply(*[Reply(500)] * 27)
    for _ in range(27):
        burials.client.message.publish(url=url, body="", retries=0)
    eventually(lambda: len(burials.client.dlq.list().messages) == 27)
    page = operations("operations")
    assert len([key for key in buttons(page) if key.startswith("letter_delete_")]) == 25

    press(page, "letters_more")
    assert len([key for key in buttons(page) if key.startswith("letter_delete_")]) == 2

    press(page, "letters_back")
    assert len([key for key in buttons(page) if key.startswith("letter_delete_")]) == 25


def test_a_queue_that_is_down_is_a_sentence_and_the_rest_is_shown(
    world: World, screen: Open
) -> None:
    world.complete()

    page = screen("operations")

    assert "Queue: The queue cannot be reached right now" in words(page).replace("**", "")
    assert "Database answers." in words(page)
    assert {metric.label: metric.value for metric in page.metric}["Completed"] == "1"


def test_a_queue_that_goes_down_before_the_click_is_a_sentence(
    burials: Burials, operations: Open
) -> None:
    session_id = burials.bury_failed()
    before = burials.world.detail(session_id)
    letter_id = burials.id(session_id)
    page = operations("operations")
    burials.qstash.misbehave({"kind": "answer", "status": 503, "body": {}, "times": None})

    press(page, f"letter_retry_{letter_id}")

    assert "The queue cannot be reached right now" in words(page)
    assert burials.world.detail(session_id) == before


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    page = screen("operations")

    assert "Database: The database cannot be reached" in words(page).replace("**", "")


@pytest.fixture
def signed_in(screen: Open, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The operations page as Ann, an admin, opened it."""
    monkeypatch.setenv("DASHBOARD_ADMINS", ANN)
    script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    script.secrets["auth"] = {"redirect_uri": "http://localhost"}
    script.user = account(ANN)
    return script


def test_an_admin_finds_operations_in_the_navigation(signed_in: AppTest) -> None:
    signed_in.run()
    signed_in.switch_page("views/operations.py").run()

    assert [title.value for title in signed_in.title] == ["Operations"]


def test_who_is_no_admin_is_refused_in_words(
    signed_in: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_ADMINS", "")
    monkeypatch.setenv("DASHBOARD_QA", ANN)
    signed_in.run()

    signed_in.switch_page("views/operations.py").run()

    assert words(signed_in) == "This needs the role admin; yours is less."


def test_the_page_asks_for_the_role_by_itself(
    signed_in: AppTest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Were it ever offered to the wrong people, it would show them nothing."""
    monkeypatch.setenv("DASHBOARD_ADMINS", "")
    monkeypatch.setenv("DASHBOARD_QA", ANN)
    alone = AppTest.from_file(str(APP.parent / OPERATIONS_PAGE), default_timeout=PATIENCE_SECONDS)
    alone.secrets, alone.user = signed_in.secrets, signed_in.user
    # Streamlit's own loggers do not propagate.
    monkeypatch.setattr(logging.getLogger("streamlit.error_util"), "propagate", True)

    alone.run()

    assert len(alone.exception) == 1, "details are for the log only"
    assert "NoAccess" in caplog.text
    assert not alone.title


def test_a_role_that_was_lost_meanwhile_retries_nothing(
    burials: Burials, signed_in: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(burials.world, monkeypatch)
    session_id = burials.bury_failed()
    before = burials.world.detail(session_id)
    signed_in.run()
    signed_in.switch_page("views/operations.py").run()
    monkeypatch.setenv("DASHBOARD_ADMINS", "")
    monkeypatch.setenv("DASHBOARD_QA", ANN)

    press(signed_in, f"letter_retry_{burials.id(session_id)}")

    assert burials.ids(session_id)
    assert burials.world.detail(session_id) == before
