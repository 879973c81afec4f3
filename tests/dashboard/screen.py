"""The dashboard as tests run it: the real script, without a browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.services import services
from dashboard.wording import JOINER
from tests.world import World

APP = Path(__file__).parent.parent.parent / "dashboard" / "main.py"

PATIENCE_SECONDS = 60
"""A page takes less than one; a machine that is busy with other tests takes its time."""

Open = Callable[..., AppTest]

VARIABLES = (
    "database_url",
    "app_url",
    "r2_endpoint_url",
    "r2_access_key_id",
    "r2_secret_access_key",
    "r2_bucket_name",
    "qstash_url",
    "qstash_token",
)


@pytest.fixture
def screen(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a page, by its file and query: `screen("session", id=…)`."""
    point_at(world, monkeypatch)
    st.cache_resource.clear()
    config.set_option("server.address", "127.0.0.1")

    def opened(page: str = "sessions", **query: str) -> AppTest:
        script = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
        script.run()
        if page != "sessions":
            script.switch_page(f"views/{page}.py")
        for name, value in query.items():
            script.query_params[name] = value
        script.run()
        assert not script.exception
        return script

    yield opened
    # The environment of the test is gone by now: close only what was really made.
    monkeypatch.setenv("APP_ENV", "local")
    services().close()
    st.cache_resource.clear()


def point_at(world: World, monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    """Give the dashboard a world's settings through the environment, as in production."""
    held = world.services.settings
    for name in VARIABLES:
        monkeypatch.setenv(name.upper(), held.require(name.upper()))
    for name, value in changed.items():
        monkeypatch.setenv(name.upper(), value)


def account(email: str = "ann@example.com", /, **claims: Any) -> dict[str, Any]:
    """What a provider says of somebody who has just signed in."""
    held = {
        "is_logged_in": True,
        "iss": "https://provider.example.com",
        "sub": email,
        "email": email,
        "email_verified": True,
        "iat": time.time(),
    }
    return {**held, **claims}


def words(script: AppTest) -> str:
    """All text of a page that a reader sees, without Markdown's escapes and our joiners."""
    held = [
        *script.title,
        *script.header,
        *script.subheader,
        *script.markdown,
        *script.caption,
        *script.info,
        *script.warning,
        *script.error,
        *script.success,
    ]
    return "\n".join(str(element.value) for element in held).replace("\\", "").replace(JOINER, "")
