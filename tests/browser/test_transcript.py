"""The transcript in a real Chromium: marks, jumps, search, keys, hostile words, two hours of talk.

It is served by itself, from `talk_page.py`: no stack and no speech model behind it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from local.child import answers, start, stop, wait_until
from local.ports import free_port
from tests.browser.conftest import CHROMIUM
from tests.browser.talks_shown import HOSTILE, two_hours
from tests.stack import ROOT
from tests.talks import LINES

SECONDS = 1000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's URL."""
    log = tmp_path_factory.mktemp("talk") / "log"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    script = str(ROOT / "tests" / "browser" / "talk_page.py")
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.address", "127.0.0.1"]
    options = ["--server.port", str(port), "--server.fileWatcherType", "none"]
    process = start([*command, *options], log=log)
    try:
        wait_until(lambda: answers(f"{url}/_stcore/health"), process, name="streamlit", log=log)
        yield url
    finally:
        stop(process)


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    expect.set_options(timeout=30 * SECONDS)
    yield chromium
    expect.set_options(timeout=5 * SECONDS)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which nothing may go wrong unseen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(30 * SECONDS)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(error.message))
    yield opened
    assert opened.get_by_test_id("stException").count() == 0
    assert faults == []
    context.close()


def opened(page: Page, server: str, talk: str = "plain") -> Locator:
    """The lines of a talk, once it is drawn."""
    page.goto(f"{server}/?talk={talk}")
    expect(page.locator("mark").first).to_be_attached()
    return page.get_by_role("region", name="Transcript")


def mark(page: Page, words: str) -> Locator:
    return page.locator("mark", has_text=words).first


def quote(page: Page, words: str) -> Locator:
    return page.get_by_role("button", name=re.compile(re.escape(words))).filter(has_text="“")


def told(page: Page) -> Locator:
    """What the talk says of the mark that one stands on."""
    return page.locator(".told")


def test_what_was_said_is_shown_as_it_was_said_and_nothing_of_it_is_run(
    server: str, page: Page
) -> None:
    lines = opened(page, server, "hostile")

    assert lines.locator(".line > span:last-child").all_text_contents() == list(HOSTILE)
    assert lines.locator("script, img, a, b").count() == 0
    assert mark(page, "um so I begin").get_attribute("title") == "<b>Fillers</b> **um** (▲ High)"
    assert page.title() != "taken"


def test_a_place_after_emoji_is_found_to_the_letter(server: str, page: Page) -> None:
    opened(page, server, "hostile")

    assert (
        "".join(page.locator("mark").all_text_contents()[1:]) == "fly 🎉 um to the moon 🌕 and back"
    )
    quote(page, "to the moon").click()
    expect(mark(page, "to the moon")).to_be_focused()
    assert highlighted(page) == "fly 🎉 um to the moon 🌕 and back"


def highlighted(page: Page) -> str:
    """The words that are highlighted as the place in hand."""
    found = page.evaluate("[...(CSS.highlights.get('rostrum-here') || [])].join('|')")
    assert isinstance(found, str)
    return found


def test_times_and_doubts_are_beside_the_words(server: str, page: Page) -> None:
    lines = opened(page, server)

    assert lines.locator(".time").all_text_contents()[:3] == ["0:00", "0:04", "0:08"]
    doubtful = lines.locator(".suspect")
    assert doubtful.all_text_contents() == [LINES[4]]
    assert str(doubtful.get_attribute("title")).startswith("Hard to hear")


def test_a_quote_leads_to_its_place_and_escape_leads_back(server: str, page: Page) -> None:
    opened(page, server)
    button = quote(page, "with stuff like dates")

    button.click()
    expect(mark(page, "with stuff like dates")).to_be_focused()
    expect(told(page)).to_have_text("Mark 4 of 4: Vague words (◆ Medium)")
    assert highlighted(page) == "with stuff like dates"

    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_a_mark_takes_its_insight_in_hand(server: str, page: Page) -> None:
    opened(page, server)

    mark(page, "with stuff like dates").click()

    card = page.locator(".st-key-session_insight_1")
    expect(card.get_by_text("in hand")).to_be_visible()
    expect(mark(page, "with stuff like dates")).to_have_attribute("aria-pressed", "true")
    expect(mark(page, "um, we had an old")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".st-key-session_insight_0").get_by_text("in hand")).to_have_count(0)


def test_words_of_two_marks_belong_to_both_and_each_click_takes_the_next(
    server: str, page: Page
) -> None:
    lines = opened(page, server)
    shared = page.locator("mark.shared")

    assert lines.locator(".line > span:last-child").all_text_contents() == list(LINES)
    assert shared.all_text_contents() == ["we made a plan"]
    assert shared.get_attribute("title") == "Filler words (▲ High) · Vague words (◆ Medium)"

    shared.click()
    expect(told(page)).to_contain_text("Filler words")
    expect(page.locator(".st-key-session_insight_0").get_by_text("in hand")).to_be_visible()
    shared.click()
    expect(told(page)).to_contain_text("Vague words")
    expect(page.locator(".st-key-session_insight_1").get_by_text("in hand")).to_be_visible()


def test_search_counts_the_hits_and_steps_through_them(server: str, page: Page) -> None:
    opened(page, server)
    search = page.get_by_role("searchbox", name="Search in the talk")
    count = page.locator(".count")

    search.fill("AND THEN")
    expect(count).to_have_text("1 of 3")
    search.press("Enter")
    expect(count).to_have_text("2 of 3")
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    expect(count).to_have_text("3 of 3")
    assert highlighted(page) == "And then"
    page.get_by_role("button", name="Next hit").click()
    expect(count).to_have_text("1 of 3")

    search.fill("each other. Although")
    expect(count).to_have_text("1 of 1")
    search.fill("zebra")
    expect(count).to_have_text("No hit")
    search.press("Escape")
    expect(search).to_have_value("")
    expect(count).to_have_text("")


def test_keys_walk_the_marks_and_what_is_typed_in_the_search_is_not_a_key(
    server: str, page: Page
) -> None:
    opened(page, server)

    page.keyboard.press("j")
    expect(told(page)).to_contain_text("Mark 1 of 4")
    page.keyboard.press("ArrowRight")
    expect(told(page)).to_contain_text("Mark 2 of 4")
    page.keyboard.press("k")
    expect(told(page)).to_contain_text("Mark 1 of 4: Filler words")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-session_insight_0").get_by_text("in hand")).to_be_visible()

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search in the talk")).to_be_focused()
    page.keyboard.type("n?jk")
    expect(page.get_by_role("searchbox", name="Search in the talk")).to_have_value("n?jk")
    expect(told(page)).to_contain_text("Mark 1 of 4")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_text("The page heard ?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("The page heard ?")).to_have_count(0)
    expect(page.get_by_text("The page heard n")).to_have_count(0)
    page.keyboard.press("n")
    expect(page.get_by_text("The page heard n")).to_be_visible()


def test_two_hours_are_drawn_at_once_and_their_end_is_a_click_away(server: str, page: Page) -> None:
    lines = opened(page, server, "long")
    assert lines.locator(".line").count() == len(two_hours().segments) > 2000

    drawn = page.evaluate("""async () => {
        const { talk } = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
        const before = performance.now();
        talk.draw({ ...talk.data });
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - before;
    }""")
    quote(page, "with stuff like dates").click()

    assert drawn < 1000, "milliseconds from the data to the painted talk"
    expect(mark(page, "with stuff like dates")).to_be_focused()
    expect(mark(page, "with stuff like dates")).to_be_in_viewport()


def test_a_jump_does_not_send_the_talk_again(server: str, page: Page) -> None:
    received: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    opened(page, server, "long")
    whole = sum(received)
    received.clear()

    quote(page, "with stuff like dates").click()
    expect(mark(page, "with stuff like dates")).to_be_focused()

    assert whole > len(two_hours().text)
    assert 0 < sum(received) < whole / 10


def in_view(page: Page, words: Locator) -> None:
    """They are in the viewport, below Streamlit's own header, and stay there."""
    expect(words).to_be_in_viewport(ratio=1)
    page.wait_for_function(
        "() => document.querySelector('[data-test-script-state=running]') === null"
    )
    box = words.bounding_box()
    assert box
    assert 50 <= box["y"] <= 700 - box["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_narrow_screen_a_quote_brings_the_talk_into_view(
    server: str, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 375, "height": 700},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    narrow = context.new_page()
    narrow.set_default_timeout(30 * SECONDS)
    opened(narrow, server)

    quote(narrow, "with stuff like dates").click()

    expect(mark(narrow, "with stuff like dates")).to_be_focused()
    in_view(narrow, mark(narrow, "with stuff like dates"))
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 375
    narrow.get_by_role("button", name="Back to the quote").click()
    expect(quote(narrow, "with stuff like dates")).to_be_focused()
    in_view(narrow, quote(narrow, "with stuff like dates"))
    context.close()
