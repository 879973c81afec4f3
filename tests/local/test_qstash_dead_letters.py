"""When the local QStash server gives up: dead letters, callbacks, and trying again."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from qstash import QStash
from qstash.dlq import DlqMessage
from qstash.errors import QStashError

from tests.local.destination import Delivery, Destination, Reply
from tests.local.queueing import event, publish, states, verify
from tests.standins import QSTASH_TOKEN, StandIn

HOPELESS = Reply(489, {"Upstash-NonRetryable-Error": "true"}, b"no")
TOKEN = {"Authorization": f"Bearer {QSTASH_TOKEN}"}


def dead(client: QStash, destination: Destination, **more: Any) -> DlqMessage:
    """A message that was given up at once; its dead letter."""
    destination.reply(HOPELESS)
    message_id = publish(client, destination.url, **more)
    event(client, message_id, "FAILED")
    (found,) = client.dlq.list(filter={"message_id": message_id}).messages
    return found


def told(delivery: Delivery) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(delivery.body)
    return content


def test_after_the_last_retry_a_message_is_a_dead_letter(
    client: QStash, destination: Destination
) -> None:
    destination.reply(Reply(500), Reply(502, {"X-Why": "tired"}, b"\xff"))
    message_id = publish(
        client, destination.url, body="hello", retries=1, retry_delay="1", label="lost"
    )
    event(client, message_id, "FAILED")
    (found,) = client.dlq.list(filter={"message_id": message_id}).messages
    assert states(client, message_id) == ["CREATED", "RETRY", "FAILED"]
    assert (found.message_id, found.url, found.body) == (message_id, destination.url, "hello")
    assert (found.response_status, found.response_body_base64) == (502, "/w==")
    assert found.response_headers is not None
    assert found.response_headers["X-Why"] == ["tired"]
    assert (found.max_retries, found.label) == (1, "lost")
    assert client.dlq.get(found.dlq_id) == found


def test_489_with_its_header_ends_a_message_at_once(
    client: QStash, destination: Destination
) -> None:
    found = dead(client, destination, retries=3)
    assert (found.response_status, found.response_body) == (489, "no")
    assert states(client, found.message_id) == ["CREATED", "FAILED"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(489),
        Reply(489, {"Upstash-NonRetryable-Error": "false"}),
        Reply(400, {"Upstash-NonRetryable-Error": "true"}),
    ],
)
def test_it_takes_both_the_status_and_the_header_to_end_a_message(
    client: QStash, destination: Destination, reply: Reply
) -> None:
    destination.reply(reply)
    publish(client, destination.url, retries=1, retry_delay="1")
    assert [delivery.retried for delivery in destination.wait_for(2)] == [0, 1]


def test_the_failure_callback_is_a_signed_message_that_tells_all(
    client: QStash, destination: Destination
) -> None:
    url = f"{destination.url}/failed"
    found = dead(
        client,
        destination,
        body=b"\x00\xff",
        headers={"X-Trace": "t1"},
        retries=2,
        failure_callback=url,
        failure_callback_headers={"Upstash-Failure-Callback-Forward-X-Who": "me"},
    )
    (delivery,) = destination.wait_for(1, path="/failed")
    verify(delivery, url)
    assert delivery.headers["Content-Type"] == "application/json"
    assert delivery.headers["X-Who"] == "me"
    assert delivery.headers["Upstash-Message-Id"] != found.message_id
    content = told(delivery)
    assert content.pop("header")["Upstash-Nonretryable-Error"] == ["true"]
    assert content == {
        "status": 489,
        "body": base64.b64encode(b"no").decode(),
        "retried": 0,
        "maxRetries": 2,
        "dlqId": found.dlq_id,
        "sourceMessageId": found.message_id,
        "url": destination.url,
        "method": "POST",
        "sourceHeader": {"X-Trace": ["t1"]},
        "sourceBody": base64.b64encode(b"\x00\xff").decode(),
        "notBefore": found.not_before,
        "createdAt": found.created_at,
    }


def test_a_failure_callback_is_retried_by_settings_of_its_own(
    client: QStash, destination: Destination
) -> None:
    destination.reply(HOPELESS, Reply(500))
    publish(
        client,
        destination.url,
        retries=0,
        retry_delay="60000",
        failure_callback=f"{destination.url}/failed",
        failure_callback_headers={
            "Upstash-Failure-Callback-Retries": "1",
            "Upstash-Failure-Callback-Retry-Delay": "1",
        },
    )
    deliveries = destination.wait_for(2, path="/failed")
    assert [delivery.retried for delivery in deliveries] == [0, 1]


def test_a_failure_callback_that_fails_is_a_dead_letter_too(
    client: QStash, destination: Destination
) -> None:
    destination.reply(HOPELESS, HOPELESS)
    publish(client, destination.url, failure_callback=f"{destination.url}/failed")
    (delivery,) = destination.wait_for(1, path="/failed")
    event(client, delivery.headers["Upstash-Message-Id"], "FAILED")
    assert len(client.dlq.list(filter={"url": f"{destination.url}/failed"}).messages) == 1


def test_the_callback_is_told_of_every_attempt(client: QStash, destination: Destination) -> None:
    destination.reply(Reply(500, {}, b"not yet"))
    publish(
        client,
        f"{destination.url}/work",
        retries=1,
        retry_delay="200",
        callback=f"{destination.url}/told",
        failure_callback=f"{destination.url}/failed",
    )
    first, second = (told(delivery) for delivery in destination.wait_for(2, path="/told"))
    assert (first["status"], first["retried"], base64.b64decode(first["body"])) == (
        500,
        0,
        b"not yet",
    )
    assert (second["status"], second["retried"]) == (200, 1)
    assert "dlqId" not in second
    assert destination.to("/failed") == []


def test_dead_letters_come_in_pages_newest_first(client: QStash, destination: Destination) -> None:
    ids = [dead(client, destination, label="page").dlq_id for _ in range(3)]
    wanted: Any = {"url": destination.url}
    page = client.dlq.list(count=2, filter=wanted)
    rest = client.dlq.list(cursor=page.cursor, filter=wanted)
    assert [found.dlq_id for found in page.messages + rest.messages] == ids[::-1]
    assert rest.cursor is None


def test_dead_letters_are_found_by_every_filter_of_the_sdk(
    client: QStash, destination: Destination
) -> None:
    found = dead(client, destination, label="wanted")
    here: Any = {"url": destination.url}
    matching: list[Any] = [
        {"message_id": found.message_id},
        {"label": "wanted"},
        {"response_status": 489},
        {"from_time": found.created_at, "to_time": found.created_at + 60_000},
    ]
    missing: list[Any] = [
        {"message_id": "msg_none"},
        {"label": "other"},
        {"response_status": 500},
        {"schedule_id": "none"},
        {"to_time": found.created_at - 1},
    ]

    def ids(wanted: Any) -> list[str]:
        return [found.dlq_id for found in client.dlq.list(filter=here | wanted).messages]

    assert [ids(wanted) for wanted in matching] == [[found.dlq_id]] * 4
    assert [ids(wanted) for wanted in missing] == [[]] * 5


def test_dead_letters_can_be_deleted(client: QStash, destination: Destination) -> None:
    one, two, three = (dead(client, destination).dlq_id for _ in range(3))
    client.dlq.delete(one)
    with pytest.raises(QStashError, match="404"):
        client.dlq.get(one)
    assert client.dlq.delete_many([two, three, "dlq_none"]) == 2
    assert client.dlq.list(filter={"url": destination.url}).messages == []


def test_retrying_a_dead_letter_makes_a_new_message_of_it(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    found = dead(
        client, destination, body="again", headers={"X-Trace": "t1"}, deduplication_id="once-1"
    )
    answer = httpx.post(f"{server.url}/v2/dlq/retry/{found.dlq_id}", headers=TOKEN)
    message_id = answer.json()["messageId"]
    assert (answer.status_code, message_id == found.message_id) == (201, False)
    _, delivery = destination.wait_for(2)
    assert delivery.headers["Upstash-Message-Id"] == message_id
    assert (delivery.body, delivery.headers["X-Trace"], delivery.retried) == (b"again", "t1", 0)
    assert client.dlq.list(filter={"url": destination.url}).messages == []
    assert httpx.post(answer.url, headers=TOKEN).status_code == 404


def test_several_dead_letters_can_be_retried_by_ids_or_by_filter(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    found = [dead(client, destination).dlq_id for _ in range(3)]
    path = f"{server.url}/v2/dlq/retry"
    by_ids = httpx.post(path, params={"dlqIds": found[:2]}, headers=TOKEN).json()
    by_filter = httpx.post(path, params={"url": destination.url}, headers=TOKEN).json()
    assert [len(by_ids["responses"]), len(by_filter["responses"])] == [2, 1]
    destination.wait_for(6)
