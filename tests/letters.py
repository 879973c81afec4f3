"""Dead letters made for real: the local QStash gives up on a destination that tests command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from qstash import QStash

from pipeline.errors import TranscriptionRejected, TranscriptionUnavailable
from pipeline.queue import RETRIES
from tests.backend.api import Api, open_api
from tests.backend.live import eventually
from tests.local.destination import Destination, Reply, running_destination
from tests.local.queueing import sdk
from tests.standins import StandIn
from tests.talks import verbose_json
from tests.world import World

LETTERS = "/api/dead-letters"
FAILED = "/api/internal/failed"
ENDED = {"Upstash-NonRetryable-Error": "true"}


def ours(code: str, *, status: int = 503) -> Reply:
    """An answer of our webhook; 489 ends a message at once."""
    headers = ENDED if status == 489 else {}
    return Reply(status, headers, json.dumps({"error": "A sentence.", "code": code}).encode())


@dataclass(frozen=True)
class Burials:
    """A world whose queue delivers to a destination, where tests say what is answered."""

    world: World
    qstash: StandIn
    client: QStash
    """The real SDK, to look at the queue itself."""
    destination: Destination

    def bury(self, reply: Reply | None = None, **upload: Any) -> UUID:
        """A session whose message the queue has given up, with `reply` as every answer."""
        answer = reply or ours("TRANSCRIPTION_UNAVAILABLE")
        self.destination.reply(*[answer] * (1 if answer.status == 489 else RETRIES + 1))
        told = len(self.destination.to(FAILED))
        session_id = self.world.upload(**upload)
        eventually(lambda: self.ids(session_id))
        # The failure callback comes to the same destination: it must not take a later answer.
        self.destination.wait_for(told + 1, path=FAILED)
        return session_id

    def fail(self, session_id: UUID, *, heard: int = 500) -> None:
        """Let the last delivery of a session have reached us, and failed at Whisper."""
        failure = {"kind": "answer", "status": heard, "body": {}, "times": 1}
        speech = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
        self.world.whisper.misbehave(failure, speech)
        with pytest.raises((TranscriptionUnavailable, TranscriptionRejected)):
            self.world.deliver(session_id, retried=RETRIES)

    def bury_failed(self, *, heard: int = 500, **upload: Any) -> UUID:
        """A session that failed for good, and its dead letter."""
        session_id = self.bury(**upload)
        self.fail(session_id, heard=heard)
        return session_id

    def ids(self, session_id: UUID) -> list[str]:
        """The dead letters of a session's processing, as the queue itself shows them."""
        listed = self.client.dlq.list(filter={"url": self.world.services.settings.process_url})
        return [each.dlq_id for each in listed.messages if str(session_id) in (each.body or "")]

    def id(self, session_id: UUID) -> str:
        """The one dead letter of a session."""
        (found,) = self.ids(session_id)
        return found


@pytest.fixture
def burials(world: World, qstash_process: StandIn) -> Iterator[Burials]:
    """A world in which the queue gives up within a moment; at its beginning on nothing yet."""
    qstash = qstash_process
    with running_destination() as destination, sdk(qstash.url) as client:
        queued = world.with_settings(
            qstash_url=qstash.url, queue_retry_delay="1", app_url=destination.url
        )
        _forget_all(client)
        yield Burials(queued, qstash, client, destination)
        qstash.behave()
        _forget_all(client)


def _forget_all(client: QStash) -> None:
    """The server is shared with other tests: nothing of theirs may come in between."""
    client.message.cancel_all()
    while found := client.dlq.list().messages:
        client.dlq.delete_many([letter.dlq_id for letter in found])


@pytest.fixture
def letters_api(burials: Burials) -> Iterator[Api]:
    """The application on the world whose queue gives up."""
    yield from open_api(burials.world)


def listed(api: Api, **query: Any) -> list[dict[str, Any]]:
    """The dead letters of a page."""
    answer = api.client.get(LETTERS, params=query)
    assert answer.status_code == 200, answer.text
    letters: list[dict[str, Any]] = answer.json()["letters"]
    return letters


def retried(api: Api, letter_id: str) -> Any:
    """Ask for a retry."""
    return api.client.post(f"{LETTERS}/{letter_id}/retry")
