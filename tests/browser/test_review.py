"""Reviewing by keys alone, and ticks that stay with their sessions: in a real browser."""

from __future__ import annotations

import io
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline import intake
from tests.browser.conftest import CHROMIUM, Seeded
from tests.browser.pages import SECONDS, settle, visit, window
from tests.talks import tone

TALKS = 10
CHOSEN = re.compile(r"id=([0-9a-f-]{36})")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="Chromium is missing: apt-get install chromium",
    ),
]


def judged(page: Page) -> tuple[int, int]:
    """How many insights of the talk in hand have a verdict, and how many there are."""
    heading = page.get_by_role("heading", name=re.compile(r"Insights: \d+ of \d+ judged"))
    expect(heading).to_be_visible(timeout=30 * SECONDS)
    done, total = re.findall(r"\d+", heading.inner_text())[:2]
    return int(done), int(total)


def press(page: Page, key: str) -> None:
    """Press a key where one reads, and wait until the page has answered."""
    page.keyboard.press(key)
    page.wait_for_timeout(150)
    settle(page)


def test_ten_talks_are_reviewed_by_keys_alone(seeded: Seeded, chromium: Browser) -> None:
    with window(chromium) as context:
        page = context.new_page()
        visit(page, f"{seeded.url}/review_queue")
        expect(page.get_by_role("button", name="Take the next talk")).to_be_visible()
        before = int(
            re.findall(r"Done today: (\d+)", page.get_by_test_id("stMain").inner_text())[0]
        )
        press(page, "n")

        for number in range(1, TALKS + 1):
            done, total = judged(page)
            for nth in range(done, total):
                press(page, "1" if nth % 2 == 0 else "3")
                expect(
                    page.get_by_role("heading", name=f"Insights: {nth + 1} of {total} judged")
                ).to_be_visible(timeout=30 * SECONDS)
            press(page, "n")
            expect(page.get_by_text(f"Done today: {before + number}")).to_be_visible(
                timeout=30 * SECONDS
            )


def test_a_tick_stays_with_its_session_when_the_data_changes(
    seeded: Seeded, chromium: Browser
) -> None:
    with window(chromium) as context:
        page = context.new_page()
        visit(page, f"{seeded.url}/?learner=seed-amara")
        table = page.get_by_test_id("stDataFrame").first
        box = table.bounding_box()
        assert box
        page.mouse.click(box["x"] + 17, box["y"] + 53)
        settle(page)
        link = page.get_by_test_id("stMain").get_by_role("link", name=re.compile("·")).first
        expect(link).to_be_visible()
        ticked = CHOSEN.findall(link.get_attribute("href") or "")

        intake.upload(seeded.services, audio=io.BytesIO(tone()), user_id="seed-amara")
        page.get_by_role("button", name=re.compile("1 new.*show")).click(timeout=30 * SECONDS)
        settle(page)

        assert CHOSEN.findall(link.get_attribute("href") or "") == ticked
