"""The audit's page: empty, one, many, filtered, refused; and a link that somebody altered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.links import AUDIT_PAGE
from dashboard.wording import JOINER
from pipeline import audit_trail
from pipeline.audit_entry import Wanted
from pipeline.database import audit
from pipeline.database.engine import transaction
from pipeline.staff import AuditAction, Role, Staff
from tests.dashboard.screen import APP, PATIENCE_SECONDS, Open, account, point_at, words
from tests.world import NOBODYS_ID, World

CORA = Staff("cora@example.com", Role.COACH)


def record(world: World, action: AuditAction = AuditAction.EXPORT, **more: Any) -> None:
    now = world.clock() - timedelta(days=more.pop("days", 0))
    with transaction(world.services.engine) as db:
        audit.record(db, more.pop("staff", CORA), action, now=now, **more)


def table(page: AppTest) -> pd.DataFrame:
    (found,) = page.table
    return found.value


def test_where_nobody_did_anything_it_says_so(screen: Open) -> None:
    page = screen("audit")

    assert "Nobody of the staff has done anything yet." in words(page)
    assert len(page.table) == 0


def test_one_entry_says_who_did_what_to_which_session_when_and_why(
    world: World, screen: Open
) -> None:
    session_id = world.upload("bob")
    record(
        world,
        AuditAction.RERUN,
        session_id=session_id,
        reason="**A doubt** [x](http://x)",
        detail={"scope": "full"},
    )

    (row,) = table(screen("audit")).to_dict("records")

    who = row["Who"].replace("\\", "").replace(JOINER, "")
    assert who.startswith("[cora@example.com](/audit?actor=cora%40")
    assert row["Who"].endswith("(coach)")
    assert row["What"] == "Asked for another run"
    assert row["Session"].endswith(f"(/session?id={session_id})")
    assert row["Learner"] == "[bob](/learner?id=bob)"
    assert "](http" not in row["Why"]
    assert row["Why"].replace("\\", "").startswith("**A doubt**")
    assert row["Detail"].replace("\\", "") == "scope: full"
    assert row["When"].endswith("UTC")


def test_many_entries_come_in_pages(world: World, screen: Open) -> None:
    for number in range(53):
        record(world, learner_id=f"learner-{number}")
    page = screen("audit")
    assert len(table(page)) == 50

    page.button(key="audit_older").click().run()
    ids = [cell.partition("?id=")[2] for cell in table(page)["Learner"]]
    assert ids == ["learner-2)", "learner-1)", "learner-0)"]

    page.button(key="audit_newer").click().run()
    assert "learner\\-52" in table(page)["Learner"].iloc[0]


def test_filters_of_the_address_bar_are_applied_and_cleared_by_one_click(
    world: World, screen: Open
) -> None:
    record(world, learner_id="bob", days=3)
    record(world, AuditAction.ERASE, learner_id="bob", staff=Staff("ann@example.com", Role.ADMIN))
    today = world.clock().date()

    def count(**query: str) -> int:
        page = screen("audit", **query)
        return len(table(page)) if page.table else 0

    assert count(learner="bob") == 2
    assert count(actor="ann@example.com") == 1
    assert count(action="erase", learner="bob") == 1
    assert count(since=str(today - timedelta(days=1))) == 1
    assert count(until=str(today - timedelta(days=3))) == 1
    assert count(session=NOBODYS_ID) == 0
    page = screen("audit", learner="nobody")
    assert "No entry matches these filters." in words(page)
    page.button(key="audit_clear").click().run()
    assert len(table(page)) == 2


def test_a_filter_that_is_chosen_stands_in_the_address_bar(world: World, screen: Open) -> None:
    record(world)
    page = screen("audit")

    page.selectbox(key="audit_action").set_value(AuditAction.EXPORT).run()
    page.text_input(key="audit_actor").set_value(" cora@example.com ").run()

    assert page.query_params == {"action": "export", "actor": "cora@example.com"}
    assert len(table(page)) == 1


def test_a_session_id_that_is_none_is_said_and_filters_nothing(world: World, screen: Open) -> None:
    record(world)
    page = screen("audit")

    page.text_input(key="audit_session").set_value("42").run()

    assert "This is no session id" in words(page)
    assert len(table(page)) == 1
    page.text_input(key="audit_session").set_value(NOBODYS_ID).run()
    assert "This is no session id" not in words(page)
    assert "No entry matches" in words(page)


@pytest.mark.parametrize(
    "query",
    [
        {"action": "nonsense"},
        {"session": "1; DROP TABLE audit_log"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"actor": "x" * 500},
        {"learner": "a\x00b"},
        {"zzz": "1"},
    ],
)
def test_a_tampered_filter_is_left_out(world: World, screen: Open, query: dict[str, str]) -> None:
    record(world)

    assert len(table(screen("audit", **query))) == 1


def test_looking_at_the_audit_and_at_a_session_are_told_apart(world: World, screen: Open) -> None:
    session_id = world.complete()
    screen("session", id=str(session_id))
    screen("session", id=str(session_id))

    looked = table(screen("audit"))

    assert list(looked["What"]) == ["Read the transcript"]


@pytest.fixture
def signed_in(world: World, screen: Open, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as an admin opened it."""
    record(world)
    monkeypatch.setenv("DASHBOARD_ADMINS", "ann@example.com")
    script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    script.secrets["auth"] = {"redirect_uri": "http://localhost", "client_id": "rostrum"}
    script.user = account("ann@example.com")
    script.run()
    script.switch_page(AUDIT_PAGE).run()
    assert len(table(script)) == 1
    return script


def test_who_is_no_admin_any_more_sees_nothing(
    signed_in: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_ADMINS", "")
    monkeypatch.setenv("DASHBOARD_QA", "ann@example.com")

    signed_in.run()

    assert words(signed_in) == "This needs the role admin; yours is less."
    assert len(signed_in.table) == 0


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen("audit"))


def test_what_the_dashboard_does_is_told_with_the_viewers_name(world: World, screen: Open) -> None:
    session_id = world.complete("bob")
    page = screen("session", id=str(session_id))

    page.button(key="session_delete").click().run()
    page.button(key="session_delete_sure").click().run()

    ann = Staff("ann@example.com", Role.ADMIN)
    told = audit_trail.page(world.services, ann, Wanted(learner_id="bob")).entries
    assert [(entry.action, entry.actor, entry.session_id) for entry in told] == [
        (AuditAction.DELETE, "local admin", session_id),
        (AuditAction.VIEW_TRANSCRIPT, "local admin", session_id),
    ]
