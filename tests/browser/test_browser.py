"""What a person sees: a real Chromium on a whole running stack, with real speech."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.pages import picture
from tests.stack import ROOT, RunningStack
from tests.talks import RATE, encode

MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
HELLO = ROOT / "tests" / "audio" / "hello.ogg"
SECONDS = 1000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.speech,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="Chromium is missing: apt-get install chromium",
    ),
]


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium whose microphone hears `hello.ogg`."""
    spoken = tmp_path_factory.mktemp("microphone") / "hello.wav"
    with av.open(str(HELLO)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [*container.decode(audio=0), None]
        parts = [f.to_ndarray()[0] for frame in frames for f in resampler.resample(frame)]
    spoken.write_bytes(encode(np.concatenate(parts)))
    started = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, *MICROPHONE, f"--use-file-for-fake-audio-capture={spoken}%noloop"],
    )
    yield started
    started.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A fresh page; afterwards it must not show an exception."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["microphone"]
    )
    opened = context.new_page()
    opened.set_default_timeout(30 * SECONDS)
    yield opened
    opened.screenshot(path=tmp_path / "last.png")
    assert opened.get_by_test_id("stException").count() == 0
    context.close()


def test_the_sample_is_shown_whole_in_a_deep_link(
    stack: RunningStack, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{stack.dashboard}/session?id={stack.sample_id}")

    expect(page.get_by_role("heading", name="Sample talk")).to_be_visible()
    expect(page.get_by_role("heading", name="Completed")).to_be_visible()
    expect(page.get_by_text("Hello everyone").first).to_be_visible()
    expect(page.locator("mark").first).to_be_visible()
    expect(page.get_by_text("rules answered, not a language model").first).to_be_visible()
    picture(page, "dashboard.png", tmp_path)


def test_the_learners_report_is_downloaded_and_opens_as_a_page(
    stack: RunningStack, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{stack.dashboard}/session?id={stack.sample_id}")
    with page.expect_download() as started:
        page.get_by_role("button", name="Report for the learner").click()
    report = tmp_path / "report.html"
    started.value.save_as(report)

    page.goto(report.as_uri())

    expect(page.get_by_role("heading", name="Sample talk")).to_be_visible()
    expect(page.get_by_role("heading", name="Your one focus for next time")).to_be_visible()
    expect(page.get_by_text("Hello everyone").last).to_be_visible()


def test_a_file_is_uploaded_and_watched_until_it_is_completed(
    stack: RunningStack, page: Page
) -> None:
    page.goto(f"{stack.dashboard}/upload")
    page.locator("input[type=file]").set_input_files(str(HELLO))
    expect(page.get_by_text("hello.ogg")).to_be_visible()
    page.get_by_label("Learner id").fill("browser-learner")
    page.get_by_label("Title (optional)").fill("Bridges")
    page.get_by_label("Title (optional)").press("Tab")
    page.get_by_role("button", name="Send 1 recording").click()

    expect(page.get_by_role("heading", name="Bridges")).to_be_visible()
    expect(page.get_by_role("heading", name="Completed")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_text("bridges and rivers").first).to_be_visible()
    expect(page.get_by_text("Audio deleted").first).to_be_visible()


def test_a_recording_from_the_microphone_is_processed(stack: RunningStack, page: Page) -> None:
    page.goto(f"{stack.dashboard}/upload")
    page.get_by_label("Learner id").fill("microphone-learner")
    page.get_by_label("Learner id").press("Tab")
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(5 * SECONDS)
    page.get_by_role("button", name=re.compile("Stop")).click()
    page.get_by_role("button", name="Send 1 recording").click()

    expect(page.get_by_role("heading", name="Completed")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_text("bridges").first).to_be_visible()


def test_a_row_of_the_list_opens_its_session(stack: RunningStack, page: Page) -> None:
    page.goto(f"{stack.dashboard}/?learner=demo-learner&q=Sample+talk")
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    box = table.bounding_box()
    assert box
    # The button stands behind the tick box; the grid is a canvas, so a place is all there is.
    page.mouse.click(box["x"] + 62, box["y"] + 53)

    expect(page.get_by_role("heading", name="Sample talk")).to_be_visible()
    expect(page.get_by_role("link", name="Back to the list")).to_be_visible()


def test_analyse_again_is_watched_until_it_is_completed(stack: RunningStack, page: Page) -> None:
    page.goto(f"{stack.dashboard}/session?id={stack.sample_id}")
    page.get_by_role("button", name="Analyse again").click()

    expect(page.get_by_role("heading", name="Completed")).to_be_visible()
    expect(page.get_by_role("button", name="Analyse again")).to_be_enabled()


def test_filters_are_kept_in_the_address_bar(stack: RunningStack, page: Page) -> None:
    page.goto(stack.dashboard)
    page.get_by_label("Learner", exact=True).fill("demo-learner")
    page.get_by_label("Learner", exact=True).press("Enter")

    expect(page).to_have_url(re.compile(r"learner=demo-learner"))
    page.reload()
    expect(page.get_by_label("Learner", exact=True)).to_have_value("demo-learner")
    page.get_by_role("button", name="Clear (1)").click()
    expect(page).not_to_have_url(re.compile("learner"))


def test_a_narrow_dark_screen_shows_the_session(stack: RunningStack, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, color_scheme="dark")
    narrow = context.new_page()
    narrow.goto(f"{stack.dashboard}/session?id={stack.sample_id}")

    expect(narrow.get_by_role("heading", name="Sample talk")).to_be_visible(timeout=30 * SECONDS)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 375
    context.close()
