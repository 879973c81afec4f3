"""The API as tests call it: in this process, or as a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
from starlette.testclient import TestClient

from backend.app import create_app
from pipeline.services import Services
from tests.talks import tone
from tests.world import World, message, signed

HERE = ("127.0.0.1", 50_000)


@dataclass(frozen=True)
class Api:
    """A client of the application, and the world behind it."""

    client: TestClient
    world: World
    services: Services
    """Those of the application itself."""

    def upload(self, audio: bytes | None = None, *, key: str | None = None, **form: str) -> Any:
        """POST a recording."""
        return self.client.post(
            "/api/sessions",
            data={"userId": "learner-1", **form},
            files={"audio": ("talk.wav", audio if audio is not None else tone())},
            headers={"Idempotency-Key": key} if key else {},
        )

    def webhook(
        self,
        path: str,
        body: bytes,
        *,
        token: str | None = "minted",  # noqa: S107 - a word, not a password
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Call a webhook as the queue would; `minted` means with a good token."""
        url = f"http://127.0.0.1:8000/api/internal/{path}"
        given = signed(body, url) if token == "minted" else token
        answer: httpx2.Response = self.client.post(
            f"/api/internal/{path}",
            content=body,
            headers={**({"Upstash-Signature": given} if given else {}), **(headers or {})},
        )
        return answer

    def process(self, session_id: UUID | str, run_id: UUID | None = None, **more: Any) -> Any:
        """Deliver a session's message."""
        return self.webhook("process", message(session_id, run_id), **more)


def open_api(world: World) -> Iterator[Api]:
    """The application on a world's settings, called from this machine."""
    app = create_app(world.services.settings)
    with TestClient(
        app, base_url="http://127.0.0.1", client=HERE, raise_server_exceptions=False
    ) as client:
        # The world's clock decides leases and tokens here, too.
        app.state.services.close()
        app.state.services = Services(world.services.settings, now=world.clock)
        yield Api(client, world, app.state.services)


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    """The application without a token, called from this machine."""
    yield from open_api(world)


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of an error, once its shape was checked."""
    body = answer.json()
    assert set(body) == {"error", "code"}, body
    assert body["error"].strip()
    return answer.status_code, body["code"]
