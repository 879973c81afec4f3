"""A world for the pipeline: settings on real servers, a talk to say, deliveries to make.

The queue is not part of it unless a test asks for one: most tests deliver by hand.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from local.objects import ObjectsServer
from pipeline import intake, review
from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.process import Delivery, Done, process_session
from pipeline.services import Services
from pipeline.session import SessionDetail
from pipeline.settings import Settings
from tests.standins import CURRENT_KEY, NEXT_KEY, QSTASH_TOKEN, StandIn
from tests.talks import tone, verbose_json

NOWHERE = "http://127.0.0.1:9"
"""A port that nothing listens on."""
NOBODYS_ID = "01890000-0000-7000-8000-000000000000"
"""Of no session; the same in every process, so that tests can be divided among several."""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Now, and as far ahead as the test has moved."""
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**by)


@dataclass(frozen=True)
class World:
    """The pipeline on real servers."""

    services: Services
    clock: Clock
    whisper: StandIn
    analyst: StandIn
    open: list[Services]
    """Closed when the test ends."""

    def with_settings(self, **changed: Any) -> World:
        """The same world under other settings."""
        other = Services(with_changes(self.services.settings, **changed), now=self.clock)
        self.open.append(other)
        return replace(self, services=other)

    def upload(self, user_id: str = "learner-1", **more: Any) -> UUID:
        """A session that waits for its first delivery."""
        audio = more.pop("audio", None) or tone()
        return intake.upload(
            self.services, audio=io.BytesIO(audio), user_id=user_id, **more
        ).session_id

    def deliver(self, session_id: UUID, *, run_id: UUID | None = None, retried: int = 0) -> Done:
        """One call of the queue."""
        return process_session(self.services, Delivery(session_id, run_id, retried))

    def fall_silent(self, session_id: UUID) -> None:
        """Let a worker claim the session for a minute and do nothing more."""
        with transaction(self.services.engine) as db:
            assert leases.claim(
                db,
                session_id,
                run_id=None,
                lease_seconds=60,
                now=self.clock(),
            )

    def complete(self, user_id: str = "learner-1", **more: Any) -> UUID:
        """A session that went all the way."""
        session_id = self.upload(user_id, **more)
        self.deliver(session_id)
        return session_id

    def detail(self, session_id: UUID) -> SessionDetail:
        """What people see of a session."""
        return review.session_detail(self.services, session_id)

    def says(self, answer: dict[str, Any]) -> None:
        """What Whisper hears from now on."""
        self.whisper.misbehave({"kind": "answer", "status": 200, "body": answer, "times": None})

    def is_stored(self, session_id: UUID) -> bool:
        """Whether the recording lies in storage."""
        return any(str(session_id) in stored.key for stored in self.services.storage.objects())


def make_settings(**values: Any) -> Settings:
    """Settings from these values alone."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg] # pydantic-settings' own


def with_changes(settings: Settings, **changed: Any) -> Settings:
    """These settings but for what is changed, validated again."""
    return make_settings(**{**settings.model_dump(), **changed})


def settings_on(
    *, database_url: str, objects: ObjectsServer, whisper_url: str, analyst_url: str
) -> Settings:
    """Everything set, the queue at an address where nobody answers."""
    return make_settings(
        database_url=database_url,
        r2_endpoint_url=objects.endpoint_url,
        r2_access_key_id=objects.access_key_id,
        r2_secret_access_key=objects.secret_access_key,
        r2_bucket_name=objects.bucket,
        qstash_url=NOWHERE,
        qstash_token=QSTASH_TOKEN,
        qstash_current_signing_key=CURRENT_KEY,
        qstash_next_signing_key=NEXT_KEY,
        openai_base_url=f"{whisper_url}/v1",
        openai_api_key="test-openai",
        anthropic_base_url=analyst_url,
        anthropic_api_key="test-anthropic",
        # Most tests need little of it.
        prepare_at_start=False,
        # Tests ask as fast as they can.
        api_requests_per_minute=1_000_000,
    )


@pytest.fixture
def settings(
    database_url: str, objects: ObjectsServer, whisper: StandIn, analyst: StandIn
) -> Settings:
    """The servers of this test run."""
    return settings_on(
        database_url=database_url,
        objects=objects,
        whisper_url=whisper.url,
        analyst_url=analyst.url,
    )


@pytest.fixture
def world(settings: Settings, whisper: StandIn, analyst: StandIn) -> Iterator[World]:
    """A pipeline in which Whisper hears the talk of `tests/talks.py`."""
    clock = Clock()
    services = Services(settings, now=clock)
    made = World(services, clock, whisper, analyst, [services])
    made.says(verbose_json())
    yield made
    for held in made.open:
        held.close()


def signed(content: bytes, url: str, *, key: str = CURRENT_KEY, **claims: Any) -> str:
    """A token as production mints it, with other claims where a test says so."""
    now = int(time.time())
    usual = {
        "aud": "",
        "body": base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode(),
        "exp": now + 300,
        "iat": now,
        "iss": "Upstash",
        "jti": "jwt_test",
        "nbf": -62135596800,
        "sub": url,
    }
    held = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(held, key, algorithm="HS256")


def message(session_id: UUID | str, run_id: UUID | None = None) -> bytes:
    """What the queue delivers."""
    held = {"sessionId": str(session_id)}
    if run_id:
        held["runId"] = str(run_id)
    return json.dumps(held).encode()
