"""A person at a browser: opens a page, changes a filter, and we look how long it takes.

Times are taken in the page itself, from its navigation on. The first useful paint is when its
title stands there with the first of what it is about: a table's canvas, a figure, or a heading
below the title. It is drawn whole when nothing in sight is a placeholder or stale any more, and
Streamlit has nothing left to run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = 180_000

# Told of each change, not of each frame: ten pages that look at every frame would keep the
# processor busy with looking.
_WATCH = """
(() => {
  const state = { useful: null, drawn: null, since: 0, ran: false, again: false };
  window.bench = state;
  const useful = () => document.querySelector('[data-testid="stMain"] h1') &&
    document.querySelector('[data-testid="stMain"]').querySelector(
      'h2, h3, [data-testid="stMetric"], [data-testid="stDataFrame"] canvas');
  const whole = () => {
    const app = document.querySelector('[data-testid="stApp"]');
    const main = document.querySelector('[data-testid="stMain"]');
    if (!app || !main) return false;
    if (app.getAttribute('data-test-script-state') !== 'notRunning') {
      state.ran = true;
      return false;
    }
    if (!state.ran || !main.querySelector('h1, h2')) return false;
    if (main.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')) return false;
    return [...main.querySelectorAll('[data-testid="stDataFrame"]')].every(
      (table) => !table.checkVisibility() || table.querySelector('canvas'));
  };
  const look = () => {
    if (state.drawn === null && whole()) state.drawn = performance.now();
    if (state.useful === null && (state.again ? state.drawn : useful())) {
      state.useful = performance.now();
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, childList: true, attributes: true,
    attributeFilter: ['data-test-script-state', 'data-stale'],
  });
})();
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """How long a page took, in seconds."""

    useful: float
    """Until the first useful paint; the same as `whole` where a page is changed."""
    whole: float


class Refused(Exception):
    """The benchmark cannot be run here."""


@contextmanager
def browsing() -> Iterator[Browser]:
    """A Chromium.

    Raises:
        Refused: there is none on this machine.
    """
    if CHROMIUM is None:
        raise Refused("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@contextmanager
def person(browser: Browser) -> Iterator[Page]:
    """Somebody with a browser of their own, its cache warm."""
    # Playwright looks at a page by evaluating words of its own, which our policy forbids scripts.
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.add_init_script(_WATCH)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


def opened(page: Page, url: str) -> Taken:
    """Open a page by its link."""
    page.goto(url, wait_until="commit")
    return drawn(page)


def drawn(page: Page) -> Taken:
    """How long it took from the navigation, or from `begin`, once it is drawn whole.

    Raises:
        Refused: it shows an exception instead.
    """
    page.wait_for_function("window.bench && window.bench.drawn !== null")
    if page.get_by_test_id("stException").count():
        raise Refused(f"{page.url} shows an exception.")
    since, useful, whole = page.evaluate(
        "() => [bench.since, bench.useful ?? bench.drawn, bench.drawn]"
    )
    return Taken((useful - since) / 1000, (whole - since) / 1000)


def filtered(page: Page, label: str, value: str) -> Taken:
    """Change a filter of the list, and wait until it is drawn anew."""
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    begin(page)
    box.press("Enter")
    return drawn(page)


def begin(page: Page) -> None:
    """Take the time from now on, and look for the next drawing."""
    page.evaluate(
        "() => Object.assign(window.bench, {useful: null, drawn: null, ran: false, again: true, "
        "since: performance.now()})"
    )
