"""What the tests of the local QStash server do with the real SDK."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from qstash import QStash, Receiver
from qstash.log import Log
from qstash.message import PublishResponse

from tests.local.destination import WAITING_SECONDS, Delivery
from tests.standins import CURRENT_KEY, NEXT_KEY, QSTASH_TOKEN

RECEIVER = Receiver(current_signing_key=CURRENT_KEY, next_signing_key=NEXT_KEY)
POLL_SECONDS = 0.02


@contextmanager
def sdk(url: str, *, token: str = QSTASH_TOKEN) -> Iterator[QStash]:
    """The real client, without retries of its own."""
    client = QStash(token, retry=False, base_url=url)
    try:
        yield client
    finally:
        client.http._client.close()  # noqa: SLF001 - the SDK has no way to close it


def publish(client: QStash, url: str, **more: Any) -> str:
    """Publish a small message; its id."""
    taken = client.message.publish(url=url, **{"body": b"x", **more})
    assert isinstance(taken, PublishResponse)
    return taken.message_id


def verify(delivery: Delivery, url: str) -> None:
    """Let the real receiver look at the signature."""
    RECEIVER.verify(
        signature=delivery.headers["Upstash-Signature"], body=delivery.body.decode(), url=url
    )


def event(client: QStash, message_id: str, state: str) -> Log:
    """The first event of this kind in a message's life, once it is there."""
    deadline = time.monotonic() + WAITING_SECONDS
    while True:
        events = client.log.list(filter={"message_id": message_id}).logs
        for found in reversed(events):
            if found.state.value == state:
                return found
        assert time.monotonic() < deadline, [found.state for found in events]
        time.sleep(POLL_SECONDS)


def states(client: QStash, message_id: str) -> list[str]:
    """What happened to a message, in order."""
    events = client.log.list(filter={"message_id": message_id}).logs
    return [found.state.value for found in reversed(events)]


def waits(deliveries: list[Delivery]) -> list[float]:
    """Seconds between the deliveries."""
    return [later.at - sooner.at for sooner, later in pairwise(deliveries)]
