"""The Sessions page as a person handles it: press, tick, open a view, read the address bar."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from streamlit.testing.v1 import AppTest

from dashboard.components.session_table import CHOSEN
from tests.rows import ANN

EVERY = {
    "status": "FAILED",
    "error": "NO_SPEECH",
    "from": "2026-03-02",
    "until": "2026-03-01",
    "learner": "ann",
    "source": "test",
    "review": "needed",
    "reviewer": ANN,
    "category": "grammar",
    "pattern": "grammar.tense",
    "severity": "high",
    "model": "claude",
    "prompt": "v2",
    "suspect": "20",
    "evidence": "80",
    "audio": "held",
    "stuck": "yes",
    "words": "bridge",
    "q": "talk",
}
"""Each filter, as the address bar holds it."""


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def titles(page: AppTest) -> list[str]:
    """Titles of the rows that are drawn."""
    return list(page.dataframe[0].value["Title"]) if page.dataframe else []


def tick(page: AppTest, *rows: int) -> AppTest:
    """Tick rows by their place, as a person does."""
    chosen = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    page.session_state[str(page.dataframe[0].key)] = chosen
    page.run()
    assert not page.exception
    return page


def chosen(page: AppTest) -> tuple[UUID, ...]:
    held: tuple[UUID, ...] = page.session_state[CHOSEN]
    return held


def query(page: AppTest) -> dict[str, Any]:
    """The address bar: a list where the page wrote it, as it was given where it did not."""
    held = page.query_params.items()
    return {name: value[0] if isinstance(value, list) else value for name, value in held}


def open_view(page: AppTest, name: str) -> None:
    (views,) = page.button_group
    views.set_value(name).run()
    assert not page.exception
