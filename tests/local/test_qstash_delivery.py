"""The local QStash server delivers as production does: what arrives, and when it comes again."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from statistics import median
from typing import Any

import jwt
import pytest
from qstash import QStash
from qstash.errors import SignatureError

from tests.local.destination import Destination, Reply
from tests.local.queueing import RECEIVER, event, publish, verify, waits
from tests.standins import CURRENT_KEY, StandIn


def test_the_body_arrives_byte_for_byte_with_the_headers_of_qstash(
    client: QStash, destination: Destination
) -> None:
    body = bytes(range(256))
    message_id = publish(
        client,
        f"{destination.url}/a//b?c=d%20e&f=//g",
        body=body,
        content_type="application/octet-stream",
        headers={"X-Trace": "t1"},
    )
    (delivery,) = destination.wait_for(1)
    assert (delivery.method, delivery.path) == ("POST", "/a//b?c=d%20e&f=//g")
    assert delivery.body == body
    assert delivery.headers["User-Agent"] == "Upstash-QStash"
    assert delivery.headers["Content-Type"] == "application/octet-stream"
    assert delivery.headers["Upstash-Message-Id"] == message_id
    assert delivery.headers["Upstash-Retried"] == "0"
    assert delivery.headers["X-Trace"] == "t1"
    assert delivery.headers["Authorization"] is None


def test_forwarded_headers_cannot_replace_those_of_qstash(
    client: QStash, destination: Destination
) -> None:
    publish(
        client,
        destination.url,
        headers={"Upstash-Signature": "x", "User-Agent": "x", "Content-Length": "9", "Host": "x"},
    )
    (delivery,) = destination.wait_for(1)
    assert delivery.headers.get_all("User-Agent") == ["Upstash-QStash"]
    assert len(delivery.headers.get_all("Upstash-Signature", [])) == 1
    assert delivery.headers.get_all("Host") == [destination.url.removeprefix("http://")]
    assert delivery.body == b"x"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_message_is_delivered_by_the_method_that_was_asked_for(
    client: QStash, destination: Destination, method: Any
) -> None:
    publish(client, destination.url, method=method)
    assert destination.wait_for(1)[0].method == method


def test_the_real_receiver_accepts_the_signature_for_this_body_and_url_alone(
    client: QStash, destination: Destination
) -> None:
    url = f"{destination.url}/hook?x=1"
    client.message.publish_json(url=url, body={"sessionId": "ü"})
    (delivery,) = destination.wait_for(1)
    verify(delivery, url)
    with pytest.raises(SignatureError):
        verify(delivery, destination.url)
    with pytest.raises(SignatureError):
        RECEIVER.verify(signature=delivery.headers["Upstash-Signature"], body="{}", url=url)


def test_the_token_has_just_the_claims_that_production_has(
    client: QStash, destination: Destination
) -> None:
    publish(client, destination.url, body=b"\xff\x00")
    (delivery,) = destination.wait_for(1)
    token = delivery.headers["Upstash-Signature"]
    claims = jwt.decode(token, CURRENT_KEY, algorithms=["HS256"], options={"verify_aud": False})
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"\xff\x00").digest()).decode()
    assert claims.pop("jti").startswith("jwt_")
    assert abs(claims["iat"] - time.time()) < 5
    assert claims == {
        "aud": "",
        "body": digest,
        "exp": claims["iat"] + 300,
        "iat": claims["iat"],
        "iss": "Upstash",
        "nbf": -62135596800,
        "sub": destination.url,
    }


def test_a_delivery_begins_within_a_tenth_of_a_second(
    client: QStash, destination: Destination
) -> None:
    took = []
    for count in range(1, 12):
        begun = time.monotonic()
        publish(client, destination.url)
        took.append(destination.wait_for(count)[-1].at - begun)
    assert median(took) < 0.1, took


@pytest.mark.parametrize("status", [300, 301, 400, 401, 404, 422, 500, 503])
def test_every_answer_but_2xx_is_retried(
    client: QStash, destination: Destination, status: int
) -> None:
    destination.reply(Reply(status, {"Location": destination.url}))
    message_id = publish(client, destination.url, retries=1, retry_delay="10")
    first, second = destination.wait_for(2)
    assert [first.retried, second.retried] == [0, 1]
    assert {d.headers["Upstash-Message-Id"] for d in (first, second)} == {message_id}


def test_each_attempt_carries_a_token_of_its_own(client: QStash, destination: Destination) -> None:
    destination.reply(Reply(500), Reply(500))
    publish(client, destination.url, retries=2, retry_delay="1")
    deliveries = destination.wait_for(3)
    for delivery in deliveries:
        verify(delivery, destination.url)
    assert len({delivery.headers["Upstash-Signature"] for delivery in deliveries}) == 3


def test_the_retry_delay_expression_says_when_a_retry_comes(
    client: QStash, destination: Destination
) -> None:
    destination.reply(Reply(500), Reply(500))
    publish(client, destination.url, retries=2, retry_delay="200 + 500 * pow(retried, 2)")
    first, second = waits(destination.wait_for(3))
    assert 0.2 <= first < 0.6
    assert 0.7 <= second < 1.1


@pytest.mark.parametrize(
    "name",
    ["Retry-After", "X-RateLimit-Reset", "X-RateLimit-Reset-Requests", "X-RateLimit-Reset-Tokens"],
)
def test_what_the_destination_asks_for_overrides_the_expression(
    client: QStash, destination: Destination, name: str
) -> None:
    destination.reply(Reply(503, {name: "300ms"}))
    publish(client, destination.url, retries=1, retry_delay="60000")
    (wait,) = waits(destination.wait_for(2))
    assert 0.3 <= wait < 0.8


def test_retry_after_may_be_seconds_or_a_date(client: QStash, destination: Destination) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    destination.reply(
        Reply(429, {"Retry-After": "1"}),
        Reply(429, {"Retry-After": format_datetime(soon, usegmt=True)}),
    )
    publish(client, destination.url, retries=2, retry_delay="60000")
    by_seconds, _by_date = waits(destination.wait_for(3))
    assert 1 <= by_seconds < 10


def test_without_an_expression_the_default_backoff_counts(
    client: QStash, destination: Destination
) -> None:
    destination.reply(Reply(500))
    message_id = publish(client, destination.url)
    destination.wait_for(1)
    retry = event(client, message_id, "RETRY")
    assert retry.next_delivery_time is not None
    assert 12_000 <= retry.next_delivery_time - retry.time <= 12_300


def test_an_answer_that_does_not_come_in_time_counts_as_a_failed_attempt(
    client: QStash, destination: Destination
) -> None:
    destination.hold()
    message_id = publish(client, destination.url, timeout=1, retries=1, retry_delay="1")
    first, second = destination.wait_for(2)
    # The queue's second begins before the first delivery is seen here.
    assert 0.5 <= second.at - first.at < 10
    assert event(client, message_id, "RETRY").error == "no answer within 1 s"


def test_a_refused_connection_counts_as_a_failed_attempt(client: QStash) -> None:
    message_id = publish(client, "http://127.0.0.1:9", retries=0)
    failed = event(client, message_id, "FAILED")
    assert (failed.response_status, failed.error) == (0, "ConnectError")


def test_a_delay_is_kept(client: QStash, destination: Destination) -> None:
    begun = time.monotonic()
    message_id = publish(client, destination.url, delay=1)
    waiting = client.message.get(message_id)
    assert waiting.not_before - waiting.created_at == 1000
    assert 1 <= destination.wait_for(1)[0].at - begun < 1.5


def test_not_before_overrides_the_delay(client: QStash, destination: Destination) -> None:
    moment = int(time.time()) + 2
    publish(client, destination.url, not_before=moment, delay=3600)
    destination.wait_for(1)
    assert moment <= time.time() < moment + 1


def test_a_redelivery_can_follow_a_2xx(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    server.switch("/_deliveries", {"deliver_twice": 1})
    message_id = publish(client, destination.url)
    deliveries = destination.wait_for(2)
    assert [delivery.headers["Upstash-Message-Id"] for delivery in deliveries] == [message_id] * 2
    assert [delivery.retried for delivery in deliveries] == [0, 0]


def test_a_2xx_can_be_lost_on_its_way_back(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    server.switch("/_deliveries", {"forget_answer": 1})
    publish(client, destination.url, retries=1, retry_delay="1")
    assert [delivery.retried for delivery in destination.wait_for(2)] == [0, 1]


def test_an_answer_without_end_is_not_read_to_its_end(
    client: QStash, destination: Destination
) -> None:
    destination.reply(Reply(500, {}, b"a" * (3 << 20)))
    message_id = publish(client, destination.url, retries=0)
    event(client, message_id, "FAILED")
    (dead,) = client.dlq.list(filter={"message_id": message_id}).messages
    assert dead.response_body == "a" * (1 << 20)
