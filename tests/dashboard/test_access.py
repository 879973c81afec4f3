"""Who may look: signed in lately, of a verified address, with a role that is read at each click."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.access import NoAccess, renewed
from dashboard.roles import RolesUnreadable, Variables, role_of
from pipeline.staff import Role, Staff
from tests.dashboard.screen import APP, PATIENCE_SECONDS, Open, account, words
from tests.world import World

AUTH = {"redirect_uri": "http://localhost/oauth2callback", "client_id": "rostrum"}
HOUR = 3600

Enter = Callable[..., AppTest]


@pytest.fixture
def enter(screen: Open, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Opens the dashboard behind sign-in, as whoever the claims say."""
    monkeypatch.setenv("DASHBOARD_COACHES", "cora@example.com, Ann@Example.com")

    def entered(claims: dict[str, Any] | None = None, **auth: Any) -> AppTest:
        script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
        script.secrets["auth"] = {**AUTH, **auth}
        script.user = claims or {"is_logged_in": False}
        script.run()
        assert not script.exception
        return script

    return entered


def keys(script: AppTest) -> set[str]:
    return {str(button.key) for button in script.button}


def test_who_is_not_signed_in_is_asked_to_and_sees_nothing_else(world: World, enter: Enter) -> None:
    world.upload(title="My talk")

    script = enter()

    assert words(script) == "Rostrum\nPlease sign in."
    assert keys(script) == {"sign_in"}


def test_who_signed_in_is_named_with_their_role(enter: Enter) -> None:
    script = enter(account("cora@example.com"))

    assert [text.value for text in script.sidebar.text] == ["cora@example.com\ncoach"]
    assert "sign_out" in keys(script)
    assert "Local mode" not in words(script)
    assert [title.value for title in script.title] == ["Sessions"]


def test_an_address_is_the_same_in_any_case(enter: Enter) -> None:
    assert [t.value for t in enter(account("ANN@example.COM")).title] == ["Sessions"]


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": ""},
        {"email": None},
    ],
)
def test_an_address_that_nobody_verified_is_refused(enter: Enter, claims: dict[str, Any]) -> None:
    script = enter(account("cora@example.com", **claims))

    assert "no verified e-mail address" in words(script)
    assert keys(script) == {"sign_out"}


def test_an_account_without_a_role_is_told_so(enter: Enter) -> None:
    script = enter(account("nobody@example.com"))

    assert "nobody@example.com has no role here. Ask an admin" in words(script)
    assert keys(script) == {"sign_out"}


@pytest.mark.parametrize("issued", ["13 hours ago", "in words", "nowhere"])
def test_a_session_ends(enter: Enter, issued: str) -> None:
    told = {"13 hours ago": time.time() - 13 * HOUR, "in words": "now", "nowhere": None}

    script = enter(account("cora@example.com", iat=told[issued]))

    assert "Your session has ended. Please sign in again." in words(script)
    assert keys(script) == {"sign_in"}


def test_how_long_a_session_lasts_is_a_setting(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = account("cora@example.com", iat=time.time() - 2 * HOUR)
    assert "session has ended" not in words(enter(claims))

    monkeypatch.setenv("DASHBOARD_SESSION_HOURS", "1")

    assert "session has ended" in words(enter(claims))


def test_what_was_signed_out_in_one_tab_is_over_in_the_others(enter: Enter) -> None:
    claims = account("cora@example.com")
    first, second = enter(claims), enter(claims)

    first.button(key="sign_out").click().run()
    second.run()

    assert "Your session has ended" in words(second)
    assert [t.value for t in enter(account("cora@example.com")).title] == ["Sessions"], "anew"


def test_several_providers_are_several_buttons(enter: Enter) -> None:
    named = {"google": {"client_id": "a"}, "microsoft": {"client_id": "b"}}
    script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    script.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", **named}
    script.user = {"is_logged_in": False}

    script.run()

    labels = [button.label for button in script.button]
    assert labels == ["Sign in with Google", "Sign in with Microsoft"]


def test_a_role_that_was_taken_away_counts_at_the_next_click(
    world: World, enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text('qa = ["quinn@example.com"]')
    monkeypatch.setenv("DASHBOARD_ROLES_FILE", str(roles))
    script = enter(account("quinn@example.com"))
    script.switch_page("views/upload.py").run()
    assert [title.value for title in script.title] == ["Upload"]

    roles.write_text('coaches = ["quinn@example.com"]')
    script.run()
    assert "This needs the role qa; yours is less." in words(script)

    roles.write_text("")
    script.run()
    assert "quinn@example.com has no role here" in words(script)


def test_the_greatest_role_counts_and_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_QA", "ann@example.com,bob@example.com")
    monkeypatch.setenv("DASHBOARD_ADMINS", "ann@example.com")
    assert role_of("ann@example.com") is Role.ADMIN
    assert role_of("bob@example.com") is Role.QA
    assert role_of("") is None

    roles = tmp_path / "roles.toml"
    roles.write_text('coaches = ["bob@example.com"]')
    monkeypatch.setenv("DASHBOARD_ROLES_FILE", str(roles))

    assert role_of("ann@example.com") is None
    assert role_of("bob@example.com") is Role.COACH


@pytest.mark.parametrize(
    "content", ["admins = ", 'admin = ["x"]', 'admins = "x"', "admins = [1]", None, "\0", b"\xff"]
)
def test_roles_that_cannot_be_read_are_nobodys(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes | None
) -> None:
    roles = tmp_path / "roles.toml"
    if content is not None:
        roles.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("DASHBOARD_ROLES_FILE", str(roles))

    with pytest.raises(RolesUnreadable):
        role_of("cora@example.com")
    script = enter(account("cora@example.com"))

    assert "DASHBOARD_ROLES_FILE names cannot be read" in words(script)
    assert keys(script) == set()


def test_the_example_lists_every_variable_with_its_default() -> None:
    lines = (APP.parents[1] / ".env.example").read_text().splitlines()

    for name, field in Variables.model_fields.items():
        default = "" if field.default is None else field.default
        variable = str(field.validation_alias or f"DASHBOARD_{name.upper()}")
        assert f"{variable}={default}" in lines


def test_a_download_that_starts_later_goes_by_todays_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_QA", "ann@example.com")
    assert renewed(Staff("ann@example.com", Role.ADMIN)).role is Role.QA

    monkeypatch.setenv("DASHBOARD_QA", "")
    with pytest.raises(NoAccess, match="has no role here"):
        renewed(Staff("ann@example.com", Role.ADMIN))

    local = Staff("local admin", Role.ADMIN, is_local=True)
    assert renewed(local) is local


def test_production_without_sign_in_refuses_everybody(
    screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "production")

    page = screen()

    assert "Sign-in is not set up" in words(page)
    assert len(page.button) == 0


def test_a_dashboard_that_listens_to_the_world_refuses_without_sign_in(screen: Open) -> None:
    config.set_option("server.address", "0.0.0.0")  # noqa: S104 - what must be refused

    assert "Sign-in is not set up" in words(screen())
