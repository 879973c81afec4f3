"""What holds for each page, present and to come: no exception, no barrier, no scrolling aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import CHROMIUM, Seeded
from tests.browser.pages import NARROW, Place, link, picture, places, visit, window

BARRIERS = ("serious", "critical")
PLACES = places()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="Chromium is missing: apt-get install chromium",
    ),
]
each_page = pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])


@pytest.fixture(scope="module", params=["light", "dark"])
def wide(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[BrowserContext]:
    """A window in each theme."""
    with window(chromium, theme=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def narrow(chromium: Browser) -> Iterator[BrowserContext]:
    """A window as wide as a phone."""
    with window(chromium, size=NARROW) as made:
        yield made


def barriers(page: Page) -> str:
    """What axe finds that keeps somebody out, a line each: the rule, where, and why."""
    found = Axe().run(page).response["violations"]
    lines = [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {_reason(node)}"
        for rule in found
        if rule["impact"] in BARRIERS
        for node in rule["nodes"]
        if not _is_streamlits(page, rule["id"], node)
    ]
    return "\n".join(lines)


def _is_streamlits(page: Page, rule: str, node: dict[str, Any]) -> bool:
    """The sidebar's list holds its headings among its items: not ours, and nothing to be done."""
    if rule not in {"list", "listitem"}:
        return False
    return page.locator(f'[data-testid="stSidebarNav"] :is({node["target"][0]})').count() > 0


def _reason(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for check in [*node["any"], *node["all"], *node["none"]])


def test_the_navigation_was_read() -> None:
    assert {"sessions", "session", "learner", "upload", "operations"} <= {p.name for p in PLACES}


@each_page
def test_a_page_keeps_nobody_out(
    place: Place, wide: BrowserContext, seeded: Seeded, tmp_path: Path
) -> None:
    page = wide.new_page()
    visit(page, f"{seeded.url}/{link(place, seeded.services)}")

    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    picture(page, f"{place.name}-dark.png" if dark else f"{place.name}.png", tmp_path)
    found = barriers(page)
    page.close()
    assert found == "", found


def test_a_view_that_is_chosen_can_be_read(wide: BrowserContext, seeded: Seeded) -> None:
    page = wide.new_page()
    visit(page, f"{seeded.url}/?review=needed")

    expect(page.get_by_role("radio", name="Needs review")).to_be_checked()
    found = barriers(page)
    page.close()
    assert found == "", found


@each_page
def test_a_narrow_screen_needs_no_scrolling_aside(
    place: Place, narrow: BrowserContext, seeded: Seeded, tmp_path: Path
) -> None:
    page = narrow.new_page()
    visit(page, f"{seeded.url}/{link(place, seeded.services)}")

    picture(page, f"{place.name}-narrow.png", tmp_path)
    wider = page.evaluate(
        "[document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map((held) => held.scrollWidth - held.clientWidth)"
    )
    page.close()
    assert wider == [0, 0]
