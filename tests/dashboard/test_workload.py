"""The operations page's figures: what waits, what was done, what failed, and what may be done."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from pipeline import bulk
from pipeline.bulk_action import BulkAction, BulkState
from pipeline.database.engine import transaction
from pipeline.status import Scope
from pipeline.sweep import sweep
from tests.backend.live import eventually
from tests.dashboard.screen import Open, point_at, words
from tests.pipeline import failed
from tests.pipeline.test_bulk import announced, done, start
from tests.world import NOWHERE, World

VENDORS = ("openai_base_url", "openai_api_key", "anthropic_base_url", "anthropic_api_key")


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in page.metric}


def press(page: AppTest, key: str) -> AppTest:
    """Press the one button whose key begins so."""
    (button,) = [each for each in page.button if str(each.key).startswith(key)]
    button.click().run()
    assert not page.exception
    return page


def links(page: AppTest) -> list[str]:
    return [str(link.proto.label) for link in page.get("page_link")]


def test_where_nothing_happened_the_page_says_so_and_claims_no_share(screen: Open) -> None:
    page = screen("operations")

    seen = words(page)
    assert metrics(page)["Success"] == "–"
    assert metrics(page)["Waiting"] == "0"
    assert "No stage ended in this time." in seen
    assert "No session stands failed." in seen
    assert "No session came in the last 14 days." in seen
    assert "Nothing was done to many sessions at once" in seen
    assert "No sweep has ended within the last week." in seen
    assert re.search(r"Updated \d+ s ago", seen)


def test_what_was_done_is_told_in_figures_and_the_charts_in_words(
    world: World, screen: Open
) -> None:
    world.complete()
    world.upload()
    sweep(world.services)

    page = screen("operations")

    seen = words(page)
    shown = metrics(page)
    assert (shown["Success"], shown["Completed"], shown["Failed"]) == ("100.0%", "1", "0")
    assert (shown["Waiting"], shown["Retries"], shown["Spent"]) == ("1", "0", "$0.00")
    assert "The oldest has waited since" in seen
    assert "1 analyses by a model of unknown price" in seen
    assert "transcribing" in seen
    assert "95 % within" in seen
    assert "2 sessions came in the last 14 days (UTC), 0 of them stand failed" in seen
    assert "Last sweep" in seen
    assert "nothing was left to do" in seen


def test_the_window_and_the_refresh_are_chosen(world: World, screen: Open) -> None:
    world.complete()
    with transaction(world.services.engine) as db:
        db.execute(text("UPDATE runs SET finished_at = finished_at - interval '2 hours'"))
    page = screen("operations")
    assert metrics(page)["Completed"] == "1"

    page.radio(key="operations_window").set_value("hour").run()
    page.selectbox(key="operations_refresh").select("Off").run()

    assert not page.exception
    assert metrics(page)["Completed"] == "0"
    assert "Last hour" in words(page)


def test_what_is_stuck_leads_to_the_list(world: World, screen: Open) -> None:
    world.upload()
    with transaction(world.services.engine) as db:
        db.execute(text("UPDATE runs SET created_at = created_at - interval '1 hour', "
                        "handed_over_at = created_at - interval '1 hour'"))  # fmt: skip

    page = screen("operations")

    assert metrics(page)["Stuck"] == "1"
    assert "Show what is stuck: 1 session" in links(page)


def test_failures_are_grouped_and_what_can_be_is_retried_as_a_job(
    world: World, screen: Open
) -> None:
    failed.silent(world)
    failed.unread(world)
    page = screen("operations")
    seen = words(page)
    assert "ANALYSIS_UNAVAILABLE: The analysis service is not available" in seen.replace("**", "")
    assert links(page).count("Show 1 session") == 2
    assert page.button(key="operations_retry_NO_SPEECH").disabled
    assert page.button(key="operations_retry_ANALYSIS_UNAVAILABLE").label == (
        "Retry all that can be (1)"
    )

    press(page, "operations_retry_ANALYSIS_UNAVAILABLE")
    assert "Retry: 1 session." in words(page).replace("**", "")
    assert bulk.recent(world.services) == (), "asking retries nothing"
    (reason,) = page.text_input
    reason.set_value("the vendor is well again")
    press(page, "bulk_sure")

    eventually(lambda: bulk.recent(world.services)[0].state is BulkState.DONE)
    (job,) = bulk.recent(world.services)
    assert (job.action, job.done, job.requested_by) == (BulkAction.RETRY, 1, "local admin")
    again = [run for each in _sessions(world) for run in world.detail(each).runs[1:]]
    assert [run.scope for run in again] == [Scope.ANALYSIS]
    page.run()
    assert "Retry: 1 session, done" in words(page).replace("**", "")


def _sessions(world: World) -> list[UUID]:
    with transaction(world.services.engine) as db:
        return list(db.scalars(text("SELECT id FROM sessions")))


def test_all_recent_jobs_are_listed_with_what_became_of_them(world: World, screen: Open) -> None:
    done(world, start(world, BulkAction.RERUN_FULL, *announced(world, 2)))

    seen = words(screen("operations")).replace("**", "")

    assert "Process whole again: 2 sessions, done" in seen
    assert "2 sessions left as they are: The recording is not in the storage" in seen
    assert "(AUDIO_MISSING)" in seen


def test_vendors_are_asked_by_a_click(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.whisper.behave()
    for name in VENDORS:
        monkeypatch.setenv(name.upper(), world.services.settings.require(name.upper()))
    page = screen("operations")
    assert not [call for call in world.whisper.calls() if "models" in call["path"]]

    press(page, "operations_ask_vendors")

    assert "Transcription answers." in words(page)
    assert "Analysis answers." in words(page)


def test_a_vendor_without_a_key_says_which(screen: Open) -> None:
    page = press(screen("operations"), "operations_ask_vendors")

    assert "Missing required environment variable: OPENAI_API_KEY" in words(page)


def test_a_storage_that_is_down_is_a_banner_and_the_rest_is_drawn(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)

    page = screen("operations")

    assert "Storage: The audio storage cannot be reached" in words(page).replace("**", "")
    assert "Database answers." in words(page)
    assert metrics(page)["Waiting"] == "0"


def test_a_database_that_is_down_is_told_once(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    page = screen("operations")

    assert words(page).count("The database cannot be reached") == 1
    assert "Storage answers." in words(page)
