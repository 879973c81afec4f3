"""What the local QStash server takes and refuses, and messages that wait: by the real SDK."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest
from qstash import QStash
from qstash.errors import QStashError, RateLimitExceededError
from qstash.message import BatchResponse, PublishResponse

from tests.local.destination import Destination, Reply
from tests.local.queueing import event, publish, sdk, states
from tests.standins import QSTASH_TOKEN, StandIn

TOKEN = {"Authorization": f"Bearer {QSTASH_TOKEN}"}


def call(server: StandIn, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(method, server.url + path, **{"headers": TOKEN, **more})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": QSTASH_TOKEN},
        {"Authorization": f"Basic {QSTASH_TOKEN}"},
        {"Authorization": "Bearer \xff"},
    ],
)
@pytest.mark.parametrize("path", ["/v2/keys", "/v2/dlq", "/v2/nothing"])
def test_without_the_token_it_is_401(server: StandIn, headers: dict[str, str], path: str) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = call(server, "GET", path, headers=raw)
    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})


def test_the_sdk_learns_of_a_wrong_token(server: StandIn, destination: Destination) -> None:
    with sdk(server.url, token="wrong") as stranger, pytest.raises(QStashError, match="401"):
        publish(stranger, destination.url)


@pytest.mark.parametrize(
    "wanted",
    [
        {"url": "example.com"},
        {"retries": 6},
        {"retry_delay": "os.exit()"},
        {"deduplication_id": "a:b"},
        {"flow_control": {"key": "k", "rate": 2, "period": "1m"}},
        {"failure_callback": "nowhere"},
    ],
)
def test_what_qstash_refuses_is_400_with_a_sentence(
    client: QStash, destination: Destination, wanted: dict[str, Any]
) -> None:
    with pytest.raises(QStashError, match=r"status: 400, body: \{\"error\":\"\w+"):
        publish(client, **{"url": destination.url, **wanted})


def test_a_group_of_urls_or_a_queue_is_refused_and_not_mistaken(client: QStash) -> None:
    with pytest.raises(QStashError, match="invalid destination"):
        client.message.publish(url_group="group", body="x")
    with pytest.raises(QStashError, match="404"):
        client.message.enqueue(queue="q", url="http://127.0.0.1:9", body="x")


def test_a_message_larger_than_a_megabyte_is_413(server: StandIn) -> None:
    path = "/v2/publish/http://127.0.0.1:9/x"
    answer = call(server, "POST", path, content=b"a" * ((1 << 20) + 1))
    assert (answer.status_code, answer.json()) == (413, {"error": "message is too large"})


def test_a_publish_answers_with_an_id(server: StandIn, destination: Destination) -> None:
    answer = call(server, "POST", f"/v2/publish/{destination.url}", content=b"x")
    assert answer.status_code == 201
    assert answer.json()["messageId"].startswith("msg_")


def test_a_deduplication_id_makes_one_message_of_two(
    client: QStash, server: StandIn, destination: Destination
) -> None:
    known = secrets.token_hex(8)
    first = publish(client, destination.url, deduplication_id=known)
    again = client.message.publish(url=destination.url, body="y", deduplication_id=known)
    assert again == PublishResponse(message_id=first, deduplicated=True)
    raw = call(
        server,
        "POST",
        f"/v2/publish/{destination.url}",
        headers={**TOKEN, "Upstash-Deduplication-Id": known},
    )
    assert raw.status_code == 202
    marker = publish(client, destination.url)
    destination.wait_for(2)
    assert {d.headers["Upstash-Message-Id"] for d in destination.deliveries} == {first, marker}


def test_the_content_can_be_the_deduplication_id(client: QStash, destination: Destination) -> None:
    def ask(**more: Any) -> str:
        return publish(client, destination.url, content_based_deduplication=True, **more)

    assert ask(body=b"a") == ask(body=b"a")
    assert len({ask(body=b"a"), ask(body=b"b"), ask(body=b"a", label="l")}) == 3


def test_a_batch_is_taken_whole_or_not_at_all(client: QStash, destination: Destination) -> None:
    taken = client.message.batch_json(
        [
            {"url": f"{destination.url}/one", "body": {"n": 1}, "label": "l"},
            {"url": f"{destination.url}/two", "body": "ü", "retries": 0},
        ]
    )
    ids = {item.message_id for item in taken if isinstance(item, BatchResponse)}
    deliveries = destination.wait_for(2)
    assert {delivery.headers["Upstash-Message-Id"] for delivery in deliveries} == ids
    assert {delivery.body for delivery in deliveries} == {b'{"n": 1}', b'"\\u00fc"'}
    with pytest.raises(QStashError, match="400"):
        client.message.batch(
            [{"url": f"{destination.url}/three", "body": "x"}, {"url": "x", "body": "x"}]
        )
    publish(client, destination.url)
    assert destination.to("/three") == []


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/v2/batch", b"{"),
        ("POST", "/v2/batch", b"{}"),
        ("POST", "/v2/batch", b'[{"destination": 1}]'),
        ("POST", "/v2/batch", b'[{"destination": "http://a", "body": "\\ud800"}]'),
        ("POST", "/v2/batch", b'[{"destination": "http://a", "headers": {"a": "\\u0000"}}]'),
        ("POST", "/v2/batch", b'[{"destination": "http://a", "queue": "q"}]'),
        ("POST", "/v2/batch", b"[" * 100_000),
        ("DELETE", "/v2/messages", b"[]"),
        ("DELETE", "/v2/messages", b'{"messageIds": 1}'),
        ("DELETE", "/v2/dlq", b""),
        ("DELETE", "/v2/dlq", b"null"),
        ("GET", "/v2/dlq?count=x", b""),
        ("GET", "/v2/dlq?count=0", b""),
        ("GET", "/v2/dlq?responseStatus=99999999999999999999", b""),
        ("GET", "/v2/dlq?fromDate=yesterday", b""),
        ("GET", "/v2/dlq?toDate=1e400", b""),
        ("GET", "/v2/dlq?label=%00", b""),
        ("GET", "/v2/dlq?queueName=q", b""),
        ("GET", "/v2/events?cursor=x", b""),
        ("GET", "/v2/messages/%00", b""),
        ("POST", "/v2/schedules/http://127.0.0.1:9/", b""),
        ("POST", "/v2/publish/", b""),
        ("PUT", "/_deliveries", b"{"),
        ("PUT", "/_deliveries", b'{"deliver_thrice": 1}'),
    ],
)
def test_garbage_is_400_never_500(server: StandIn, method: str, path: str, content: bytes) -> None:
    answer = call(server, method, path, content=content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/messages/msg_none"),
        ("DELETE", "/v2/messages/msg_none"),
        ("GET", "/v2/dlq/dlq_none"),
        ("DELETE", "/v2/dlq/dlq_none"),
        ("POST", "/v2/dlq/retry/dlq_none"),
        ("GET", "/v2/schedules/none"),
        ("DELETE", "/v2/schedules/none"),
        ("PATCH", "/v2/schedules/none/pause"),
        ("GET", "/v2/queues"),
        ("PUT", "/v2/keys"),
    ],
)
def test_what_is_not_there_is_404(server: StandIn, method: str, path: str) -> None:
    answer = call(server, method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_a_message_that_waits_can_be_looked_at(client: QStash, destination: Destination) -> None:
    message_id = publish(
        client,
        destination.url,
        body="ü",
        delay="1h",
        retries=2,
        retry_delay="1000",
        label="process",
        headers={"X-Trace": "t1"},
        callback=f"{destination.url}/told",
        failure_callback=f"{destination.url}/failed",
        failure_callback_headers={"Upstash-Failure-Callback-Forward-A": "b"},
        flow_control={"key": "k", "parallelism": 3},
    )
    found = client.message.get(message_id)
    assert (found.url, found.method, found.body) == (destination.url, "POST", "ü")
    assert (found.max_retries, found.retry_delay_expression) == (2, "1000")
    assert (found.label, found.headers) == ("process", {"X-Trace": ["t1"]})
    assert found.not_before - found.created_at == 3_600_000
    assert found.callback == f"{destination.url}/told"
    assert found.failure_callback == f"{destination.url}/failed"
    assert found.flow_control is not None
    assert (found.flow_control.key, found.flow_control.parallelism) == ("k", 3)


def test_a_body_that_is_no_text_is_shown_in_base64(
    client: QStash, destination: Destination
) -> None:
    found = client.message.get(publish(client, destination.url, body=b"\xff", delay=60))
    assert (found.body, found.body_base64) == (None, "/w==")


def test_a_message_that_is_over_is_no_longer_found(
    client: QStash, destination: Destination
) -> None:
    message_id = publish(client, destination.url)
    event(client, message_id, "DELIVERED")
    with pytest.raises(QStashError, match="404"):
        client.message.get(message_id)


def test_a_cancelled_message_is_never_delivered(client: QStash, destination: Destination) -> None:
    cancelled = publish(client, f"{destination.url}/cancelled", delay=1)
    publish(client, f"{destination.url}/later", delay=2)
    client.message.cancel(cancelled)
    destination.wait_for(1, path="/later")
    assert destination.to("/cancelled") == []
    assert states(client, cancelled) == ["CREATED", "CANCELED"]
    with pytest.raises(QStashError, match="404"):
        client.message.cancel(cancelled)


def test_a_message_cancelled_under_way_is_not_retried(
    client: QStash, destination: Destination
) -> None:
    destination.hold()
    destination.reply(Reply(500))
    message_id = publish(client, f"{destination.url}/first", retry_delay="1", retries=1)
    destination.wait_for(1)
    client.message.cancel(message_id)
    destination.release()
    publish(client, f"{destination.url}/second")
    destination.wait_for(1, path="/second")
    assert states(client, message_id) == ["CREATED", "CANCELED"]


def test_several_messages_can_be_cancelled_at_once(
    client: QStash, destination: Destination
) -> None:
    ids = [publish(client, destination.url, delay=60) for _ in range(3)]
    assert client.message.cancel_many([*ids[:2], "msg_none"]) == 2
    assert client.message.get(ids[2]).message_id == ids[2]
    assert client.message.cancel_all() >= 1


def test_events_tell_the_life_of_a_message(client: QStash, destination: Destination) -> None:
    destination.reply(Reply(503))
    message_id = publish(client, destination.url, retry_delay="1", label="life")
    event(client, message_id, "DELIVERED")
    assert states(client, message_id) == ["CREATED", "RETRY", "DELIVERED"]
    retry = event(client, message_id, "RETRY")
    assert (retry.response_status, retry.url, retry.label) == (503, destination.url, "life")
    page = client.log.list(filter={"message_id": message_id}, count=2)
    rest = client.log.list(filter={"message_id": message_id}, cursor=page.cursor)
    assert [len(page.logs), len(rest.logs), rest.cursor] == [2, 1, None]


def test_the_signing_keys_can_be_shown(server: StandIn, client: QStash) -> None:
    held = client.signing_key.get()
    assert held.current.startswith("sig_current")
    assert held.next.startswith("sig_next")


@pytest.mark.parametrize("status", [500, 503])
def test_the_server_can_be_told_to_fail(
    server: StandIn, client: QStash, destination: Destination, status: int
) -> None:
    server.misbehave({"kind": "answer", "status": status, "path": "/v2/publish"})
    with pytest.raises(QStashError, match=str(status)):
        publish(client, destination.url)
    publish(client, destination.url)


def test_the_server_can_be_told_that_too_much_was_published(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    server.misbehave({"kind": "answer", "status": 429, "headers": {"Burst-RateLimit-Limit": "100"}})
    with pytest.raises(RateLimitExceededError):
        publish(client, destination.url)
