"""Signing in as a person does it: a real Chromium, a real OpenID provider, the real dashboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from local.child import answers, start, stop, wait_until
from local.objects import ObjectsServer
from local.ports import free_port
from pipeline.services import Services
from tests.backend.live import environment
from tests.browser.conftest import CHROMIUM
from tests.dashboard.provider import Provider, running_provider
from tests.databases import Databases
from tests.standins import StandIn
from tests.talks import verbose_json
from tests.world import Clock, World, settings_on

SECONDS = 1000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="Chromium is missing: apt-get install chromium",
    ),
]


@dataclass(frozen=True)
class House:
    """A dashboard behind sign-in, with one session in it."""

    url: str
    provider: Provider
    world: World
    session_id: UUID
    roles: Path

    def grant(self, **emails: str) -> None:
        """Let each of these have a role, and nobody else: `admins="ann@example.com"`."""
        told = "\n".join(f'{role} = ["{email}"]' for role, email in emails.items())
        # In one step, as whoever reads it for a click must never see half of it.
        fresh = self.roles.with_suffix(".new")
        fresh.write_text(told)
        fresh.replace(self.roles)

    def runs(self) -> int:
        """How many runs the session has."""
        return len(self.world.detail(self.session_id).runs)


@pytest.fixture(scope="module")
def house(
    databases: Databases,
    objects: ObjectsServer,
    whisper_process: StandIn,
    analyst_process: StandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """Only a dashboard, its database and a provider: once for all tests of this module."""
    folder = tmp_path_factory.mktemp("house")
    settings = settings_on(
        database_url=databases.made(),
        objects=objects,
        whisper_url=whisper_process.url,
        analyst_url=analyst_process.url,
    )
    services = Services(settings)
    world = World(services, Clock(), whisper_process, analyst_process, [services])
    world.says(verbose_json())
    session_id = world.complete(title="My talk")
    whisper_process.behave()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    roles, held = folder / "roles.toml", folder / "secrets.toml"
    roles.touch()
    with running_provider(folder / "provider.log") as provider:
        held.write_text(provider.secrets(url))
        process = start(
            [
                *(sys.executable, "-m", "streamlit", "run", "dashboard/app.py"),
                *("--server.address=127.0.0.1", f"--server.port={port}"),
            ],
            log=folder / "dashboard.log",
            env={
                **os.environ,
                **environment(settings),
                "DASHBOARD_ROLES_FILE": str(roles),
                "STREAMLIT_SECRETS_FILES": str(held),
            },
        )
        try:
            healthy = f"{url}/_stcore/health"
            log = folder / "dashboard.log"
            wait_until(lambda: answers(healthy), process, name="The dashboard", log=log)
            yield House(url, provider, world, session_id, roles)
        finally:
            stop(process)
            services.close()


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """What is expected on a page may take its time on a loaded machine."""
    expect.set_options(timeout=30 * SECONDS)
    yield
    expect.set_options(timeout=5 * SECONDS)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A person's own browser; afterwards nothing must have been shown or kept back by mistake."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30 * SECONDS)
    violations: list[str] = []
    context.on("console", lambda said: violations.append(said.text))
    opened = context.new_page()
    yield opened
    assert opened.get_by_test_id("stException").count() == 0
    assert [said for said in violations if "Content Security Policy" in said] == []
    context.close()


SignIn = Callable[..., None]


@pytest.fixture
def sign_in(house: House, page: Page) -> SignIn:
    """Opens a page as somebody who is not signed in yet, and signs in."""

    def signed_in(email: str, path: str = "/", **claims: object) -> None:
        house.provider.knows(email, **claims)
        page.goto(f"{house.url}{path}")
        page.get_by_role("button", name="Sign in").click()
        page.locator("input[name=sub]").fill(email)
        page.locator("input[name=sub]").press("Enter")
        page.wait_for_url(f"{house.url}/**")

    return signed_in


def settled(page: Page) -> None:
    """Wait until nothing is drawn any more: a button of before the last run is another one."""
    running = page.get_by_test_id("stApp")
    expect(running).to_have_attribute("data-test-script-state", "notRunning")


def links(page: Page) -> list[str]:
    """What the navigation offers."""
    navigation = page.get_by_test_id("stSidebarNavLink")
    expect(navigation.first).to_be_visible()
    return navigation.all_inner_texts()


def test_a_deep_link_opened_before_the_sign_in_is_what_one_sees_after(
    house: House, page: Page, sign_in: SignIn
) -> None:
    house.grant(coaches="cora@example.com")

    sign_in("cora@example.com", f"/session?id={house.session_id}")

    expect(page.get_by_role("heading", name="My talk")).to_be_visible()
    expect(page).to_have_url(f"{house.url}/session?id={house.session_id}")
    expect(page.get_by_text("cora@example.com")).to_be_visible()
    assert "Upload" not in " ".join(links(page))


@pytest.mark.parametrize(
    ("role", "offered", "kept_back"),
    [
        ("coaches", {"Sessions", "Learner"}, {"Upload", "Operations", "Audit"}),
        ("qa", {"Sessions", "Learner", "Upload"}, {"Operations", "Audit"}),
        ("admins", {"Sessions", "Learner", "Upload", "Operations", "Audit"}, set()),
    ],
)
def test_each_role_is_offered_its_pages(  # noqa: PLR0917 - pytest passes by name
    house: House, page: Page, sign_in: SignIn, role: str, offered: set[str], kept_back: set[str]
) -> None:
    house.grant(**{role: "somebody@example.com"})

    sign_in("somebody@example.com")

    found = {line for text in links(page) for line in text.splitlines()}
    assert offered <= found
    assert not kept_back & found


def test_every_page_is_drawn_within_what_the_headers_allow(
    house: House, page: Page, sign_in: SignIn
) -> None:
    house.grant(admins="ann@example.com")
    sign_in("ann@example.com")

    for name in [text.splitlines()[-1] for text in links(page)]:
        page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        settled(page)


def test_a_link_to_a_page_above_ones_role_is_refused_in_words(
    house: House, page: Page, sign_in: SignIn
) -> None:
    house.grant(qa="quinn@example.com")

    sign_in("quinn@example.com", "/audit")

    expect(page.get_by_text("This needs the role admin; yours is less.")).to_be_visible()


@pytest.mark.parametrize(
    ("email", "claims", "said"),
    [
        ("nobody@example.com", {}, "nobody@example.com has no role here"),
        ("eve@example.com", {"email_verified": False}, "no verified e-mail address"),
    ],
)
def test_who_may_not_look_is_told_why_and_may_change_the_account(  # noqa: PLR0917 - as above
    house: House, page: Page, sign_in: SignIn, email: str, claims: dict[str, bool], said: str
) -> None:
    house.grant(admins="eve@example.com")

    sign_in(email, f"/session?id={house.session_id}", **claims)

    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_text("My talk")).to_have_count(0)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_who_turns_back_at_the_provider_can_begin_again(house: House, page: Page) -> None:
    page.goto(f"{house.url}/session?id={house.session_id}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Deny").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(f"{house.url}/session?id={house.session_id}")


def test_a_role_that_is_taken_away_refuses_the_next_click(
    house: House, page: Page, sign_in: SignIn
) -> None:
    house.grant(qa="quinn@example.com")
    sign_in("quinn@example.com", f"/session?id={house.session_id}")
    again = page.get_by_role("button", name="Analyse again")
    expect(again).to_be_enabled()
    before = house.runs()

    house.grant(coaches="quinn@example.com")
    again.click()
    expect(page.get_by_text("This needs the role qa; yours is less.")).to_be_visible()
    assert house.runs() == before

    house.grant(admins="ann@example.com")
    page.get_by_role("link", name="Learner").click()
    expect(page.get_by_text("quinn@example.com has no role here")).to_be_visible()


def test_signing_out_ends_every_tab(house: House, page: Page, sign_in: SignIn) -> None:
    house.grant(admins="ann@example.com")
    sign_in("ann@example.com", "/audit")
    other = page.context.new_page()
    other.goto(f"{house.url}/session?id={house.session_id}")
    expect(other.get_by_role("heading", name="My talk")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    other.get_by_role("button", name="Analyse again").click()
    expect(other.get_by_text("Your session has ended. Please sign in again.")).to_be_visible()
    other.close()


def test_what_was_seen_and_taken_is_told_by_the_audit(
    house: House, page: Page, sign_in: SignIn
) -> None:
    house.grant(admins="alma@example.com")
    sign_in("alma@example.com", f"/session?id={house.session_id}")
    settled(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Report as Markdown").click()
    assert "My talk" in Path(started.value.path()).read_text()

    page.goto(f"{house.url}/audit?actor=alma%40example.com")

    table = page.get_by_test_id("stTable")
    expect(table.get_by_text("Read the transcript")).to_have_count(1)
    expect(table.get_by_text("Exported")).to_have_count(1)
    settled(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Export all that match").click()
    assert "alma@example.com" in Path(started.value.path()).read_text()
    with page.context.expect_page() as opened:
        table.get_by_role("link", name=str(house.session_id)).first.click()
    expect(opened.value.get_by_role("heading", name="My talk")).to_be_visible()
