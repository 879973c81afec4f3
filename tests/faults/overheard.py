"""A whole installation of which every line is overheard: for the test of privacy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.objects import ObjectsServer
from tests.backend.live import Live, eventually, running_backend
from tests.canaries import FILE_NAME, LEARNER, LINES, TITLE, analysis
from tests.collector import Collector, running_collector
from tests.local.destination import Destination, running_destination
from tests.pipeline.test_notify import SECRET
from tests.standins import StandIn
from tests.talks import tone, verbose_json
from tests.wiretap import Wiretap, tapped
from tests.world import World, signed

KEYS = {
    **{
        name: f"canary-of-{name}-0123456789"
        for name in ("api_token", "openai_api_key", "anthropic_api_key")
    },
    "notify_secret": SECRET,
}
TOKEN = KEYS["api_token"]


@dataclass(frozen=True)
class Installation:
    """Every part of it real, and every line overheard."""

    world: World
    live: Live
    taps: dict[str, Wiretap]
    app: Destination
    collector: Collector
    door: StandIn
    bucket: str
    folder: Path
    errors: list[httpx2.Response] = field(default_factory=list)

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Call the API with its token; a refusal is kept."""
        headers = {"Authorization": f"Bearer {TOKEN}", **more.pop("headers", {})}
        answer = self.live.client.request(method, path, headers=headers, **more)
        if not answer.is_success:
            self.errors.append(answer)
        return answer

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """The same, and it must be a refusal: status and code."""
        answer = self.ask(method, path, **more)
        return answer.status_code, answer.json()["code"]

    def webhook(self, path: str, body: bytes) -> httpx2.Response:
        """Call a webhook as the queue would."""
        token = signed(body, f"{self.live.url}/api/internal/{path}")
        return self.ask(
            "POST", f"/api/internal/{path}", content=body, headers={"Upstash-Signature": token}
        )

    def upload(self, audio: bytes | None = None, **form: str) -> httpx2.Response:
        """Send the talk."""
        return self.ask(
            "POST",
            "/api/sessions",
            data={"userId": LEARNER, "title": TITLE, **form},
            files={"audio": (FILE_NAME, tone() if audio is None else audio)},
        )

    def ends(self, session_id: str, status: str, code: str | None = None) -> dict[str, Any]:
        """The session, once it stands so and nothing more happens to it."""

        def seen() -> dict[str, Any] | None:
            held: dict[str, Any] = self.ask("GET", f"/api/sessions/{session_id}").json()
            error = held["error"] or {"code": None, "willRetry": False}
            stands = (held["status"], error["code"], error["willRetry"]) == (status, code, False)
            return held if stands else None

        found: dict[str, Any] = eventually(seen)
        return found

    def hears(self, *faults: dict[str, Any]) -> None:
        """What goes wrong at Whisper before the talk is heard."""
        self.world.whisper.misbehave(*faults, says(200, verbose_json(LINES), times=None))

    def judges(self, *faults: dict[str, Any]) -> None:
        """What goes wrong at Claude before the talk is judged."""
        self.world.analyst.misbehave(*faults, says(200, analysis(), times=None))


def says(status: int, body: Any, *, times: int | None = 1, **more: Any) -> dict[str, Any]:
    """A fault of `local/faults.py` that answers."""
    # What a queue of other tests brings to a stand-in must not use it up.
    fault = {"kind": "answer", "status": status, "body": body, "times": times, "path": "/v1"}
    return {**fault, **more}


@pytest.fixture
def installation(
    world: World, qstash: StandIn, storage_door: StandIn, objects: ObjectsServer, tmp_path: Path
) -> Iterator[Installation]:
    servers = {
        "whisper": world.whisper,
        "claude": world.analyst,
        "storage": storage_door,
        "queue": qstash,
    }
    with ExitStack() as held:
        taps = {name: held.enter_context(tapped(each.url)) for name, each in servers.items()}
        app = held.enter_context(running_destination())
        collector = held.enter_context(running_collector())
        overheard = world.with_settings(
            **KEYS,
            openai_base_url=f"{taps['whisper'].url}/v1",
            anthropic_base_url=taps["claude"].url,
            r2_endpoint_url=taps["storage"].url,
            qstash_url=taps["queue"].url,
            queue_retry_delay="100",
            notify_url=f"{app.url}/hook",
            otel_exporter_otlp_endpoint=collector.url,
        )
        live = held.enter_context(
            running_backend(
                overheard.services.settings,
                tmp_path / "backend.log",
                OTEL_BSP_SCHEDULE_DELAY="200",
            )
        )
        yield Installation(
            overheard, live, taps, app, collector, storage_door, objects.bucket, tmp_path
        )
