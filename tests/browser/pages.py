"""The pages that there are, as the dashboard's navigation makes them, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard import links
from pipeline import review
from pipeline.services import Services
from pipeline.status import Status
from tests.stack import ROOT

IMAGES = ROOT / "docs" / "images"
LEARNER = "seed-amara"
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
"""Streamlit has run the page to its end."""
SECONDS = 1000
WIDE, NARROW = (1280, 900), (375, 800)


@dataclass(frozen=True, slots=True)
class Place:
    """One page: its name, and its path."""

    name: str
    path: str


def places() -> list[Place]:
    """Every page that the dashboard can link to, whoever may see it."""
    files = [str(path) for name, path in vars(links).items() if name.endswith("_PAGE")]
    return [
        Place(Path(file).stem, "" if file == links.SESSIONS_PAGE else Path(file).stem)
        for file in files
    ]


def link(place: Place, services: Services) -> str:
    """Path and query that show something: a completed session, the learner with the most."""
    if place.name == "session":
        return f"{place.path}?id={completed_session(services)}"
    return f"{place.path}?id={LEARNER}" if place.name == "learner" else place.path


def completed_session(services: Services) -> UUID:
    """The newest one of that learner."""
    rows = review.list_sessions(services, user_id=LEARNER, limit=50).sessions
    return next(row.id for row in rows if row.status is Status.COMPLETED)


def picture(page: Page, name: str, tmp_path: Path) -> None:
    """Take a picture; into the docs only where somebody asks for it."""
    wanted = os.environ.get("UPDATE_SCREENSHOTS")
    page.screenshot(path=(IMAGES if wanted else tmp_path) / name)


@contextmanager
def window(
    browser: Browser, *, theme: Literal["light", "dark"] = "light", size: tuple[int, int] = WIDE
) -> Iterator[BrowserContext]:
    """A window of this theme and size; its pages share what they have loaded once."""
    width, height = size
    made = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    made.set_default_timeout(30 * SECONDS)
    yield made
    made.close()


def visit(page: Page, url: str) -> None:
    """Open a page, and wait until it is drawn whole; it must not show an exception."""
    page.goto(url)
    settle(page)


def settle(page: Page) -> None:
    """Wait until Streamlit has nothing left to draw."""
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("heading").first).to_be_visible(timeout=30 * SECONDS)
    expect(page.locator(SETTLED)).to_be_attached(timeout=30 * SECONDS)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=30 * SECONDS)
    expect(page.locator('[data-stale="true"]')).to_have_count(0, timeout=30 * SECONDS)
    assert page.get_by_test_id("stException").count() == 0
