"""Every page in its states: empty, one, many, failed, malformed, unknown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.wording import plain, typed
from tests.dashboard.screen import Open, point_at, words
from tests.world import World

DASHBOARD = Path(__file__).parents[2] / "dashboard"


def button(script: AppTest, key: str) -> AppTest:
    """Press a button and look again."""
    script.button(key=key).click().run()
    assert not script.exception
    return script


def test_the_local_viewer_is_told_that_he_is_admin(screen: Open) -> None:
    assert "Local mode: you are admin" in words(screen())


@pytest.mark.parametrize(
    "said", ["see https://evil.example/x", "WWW.evil.example", "ask ann@example.org", "HTTP://x.y"]
)
def test_addresses_in_what_was_said_never_become_links(said: str) -> None:
    """Streamlit's Markdown links what looks so after the escapes are taken off."""
    shown = plain(said).replace("\\", "")

    assert not re.search(r"https?://|www\.|@\w", shown, re.IGNORECASE)
    assert typed(shown) == said, "nothing else is changed"


def test_no_download_runs_its_page_again() -> None:
    """A file that is made on a click is lost where a run begins meanwhile: the button turns on."""
    offers = [
        {keyword.arg: keyword.value for keyword in node.keywords}
        for path in DASHBOARD.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "download_button"
    ]

    assert offers
    assert {ast.unparse(offer["on_click"]) for offer in offers} == {"'ignore'"}


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen())
