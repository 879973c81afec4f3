"""What the client makes of answers: patience where it is safe, and one error for all that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from rostrum_client import ForgedNotice, Rostrum, RostrumError, verified_notice
from tests.local.destination import Destination, Reply, running_destination
from tests.pipeline.test_notify import SECRET

EMPTY = Reply(200, body=b'{"sessions": [], "nextCursor": null}')
ID = "01890000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Server:
    """A server that answers as a test says, and a client of it."""

    there: Destination
    rostrum: Rostrum


@pytest.fixture
def server() -> Iterator[Server]:
    with running_destination() as there, Rostrum(there.url, token="t", patience_seconds=2) as made:
        yield Server(there, made)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "ann smith.ogg"
    path.write_bytes(b"sound" * 50_000)
    return path


def busy(status: int, code: str, *, retry_after: str | None = "0") -> Reply:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Reply(status, headers, json.dumps({"error": "A sentence.", "code": code}).encode())


def failed(call: Callable[[], Any]) -> RostrumError:
    with pytest.raises(RostrumError) as caught:
        call()
    return caught.value


def test_a_refusal_is_one_typed_error(server: Server) -> None:
    server.there.reply(busy(409, "ALREADY_RUNNING", retry_after=None))

    error = failed(lambda: server.rostrum.run_again(ID))

    assert (error.code, error.status, error.retry_after) == ("ALREADY_RUNNING", 409, None)
    assert str(error) == "ALREADY_RUNNING: A sentence."


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b'{"error": 5, "code": 6}'])
def test_an_answer_of_somebody_else_is_told_from_rostrums(server: Server, body: bytes) -> None:
    server.there.reply(Reply(502, body=body))

    error = failed(server.rostrum.page)

    assert (error.code, error.status) == ("NOT_OURS", 502)


def test_an_answer_of_another_shape_is_not_repeated_in_the_error(server: Server) -> None:
    server.there.reply(Reply(200, body=b'{"sessions": "hospital", "nextCursor": null}'))

    error = failed(server.rostrum.page)

    assert error.code == "NOT_OURS"
    assert "sessions" in str(error)
    assert "hospital" not in str(error)


def test_nobody_there_is_the_same_error_without_a_status() -> None:
    with Rostrum("http://127.0.0.1:9", token=None, patience_seconds=0) as rostrum:
        error = failed(rostrum.page)

    assert (error.code, error.status) == ("NO_ANSWER", None)


def test_reads_wait_as_long_as_they_are_told_to(server: Server) -> None:
    server.there.reply(busy(429, "TOO_MANY_REQUESTS", retry_after="1"), EMPTY)
    begun = time.monotonic()

    assert server.rostrum.page().sessions == []
    assert time.monotonic() - begun >= 1


def test_nobody_waits_longer_than_their_patience(server: Server) -> None:
    server.there.reply(busy(429, "TOO_MANY_REQUESTS", retry_after="3600"))

    assert failed(server.rostrum.page).retry_after == 3600
    assert len(server.there.deliveries) == 1


@pytest.mark.parametrize(
    ("call", "tries"),
    [
        (lambda rostrum: rostrum.run_again(ID), 1),
        (lambda rostrum: rostrum.retry_dead_letter("x"), 1),
        (lambda rostrum: rostrum.retry_dead_letters(), 1),
        (lambda rostrum: rostrum.announce(user_id="a", content_type="audio/x", size_bytes=1), 1),
        (lambda rostrum: rostrum.delete_session(ID), 2),
        (lambda rostrum: rostrum.erase_learner("ann"), 2),
    ],
)
def test_only_what_may_be_done_twice_is_tried_again_after_503(
    server: Server, call: Callable[[Rostrum], Any], tries: int
) -> None:
    server.there.reply(busy(503, "DATABASE_UNAVAILABLE"), busy(404, "NOT_FOUND"))

    failed(lambda: call(server.rostrum))

    assert len(server.there.deliveries) == tries


def test_whatever_was_refused_unread_is_tried_again(server: Server) -> None:
    server.there.reply(busy(429, "TOO_MANY_REQUESTS"), busy(409, "ALREADY_RUNNING"))

    assert failed(lambda: server.rostrum.run_again(ID)).code == "ALREADY_RUNNING"


def test_an_upload_is_sent_again_whole_and_under_one_key(server: Server, talk: Path) -> None:
    server.there.reply(busy(503, "STORAGE_UNAVAILABLE"), busy(415, "UNSUPPORTED_AUDIO"))

    failed(lambda: server.rostrum.upload(talk, user_id="ann"))

    first, second = server.there.deliveries
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.body.count(b"sound") == second.body.count(b"sound") == 50_000
    assert b"ann smith" not in first.body, "a file's name may say whose it is"
    assert first.headers["Authorization"] == "Bearer t"


def test_the_storage_gets_the_whole_recording_and_never_the_token(
    server: Server, talk: Path
) -> None:
    size = talk.stat().st_size
    headers = {"Content-Type": "audio/ogg", "Content-Length": str(size)}
    announced = {
        **session("CREATED"),
        "upload": {
            "url": f"{server.there.url}/bucket/key?X-Amz-Signature=1",
            "method": "PUT",
            "headers": headers,
            "expiresAt": "2026-11-25T10:00:00Z",
        },
    }
    server.there.reply(
        Reply(201, body=json.dumps(announced).encode()),
        Reply(503, body=b"<Error/>"),
        Reply(200),
        Reply(200, body=json.dumps(session("UPLOADED")).encode()),
    )

    stored = server.rostrum.upload_to_storage(talk, user_id="ann")

    assert stored.status == "UPLOADED"
    put = server.there.to("/bucket")
    assert [len(each.body) for each in put] == [size, size]
    assert [each.headers["Authorization"] for each in put] == [None, None]
    assert put[0].headers["Content-Length"] == str(size)


def test_the_iterator_goes_on_to_the_last_page(server: Server) -> None:
    def page(cursor: str | None) -> Reply:
        held = {"sessions": [session("COMPLETED")], "nextCursor": cursor}
        return Reply(200, body=json.dumps(held).encode())

    server.there.reply(page("c1"), page("c2"), page(None))

    assert len(list(server.rostrum.sessions(user_id="a b"))) == 3
    assert [each.path for each in server.there.deliveries] == [
        "/api/sessions?userId=a+b&limit=100",
        "/api/sessions?userId=a+b&limit=100&cursor=c1",
        "/api/sessions?userId=a+b&limit=100&cursor=c2",
    ]


def test_ids_lead_nowhere_else(server: Server) -> None:
    server.there.reply(busy(404, "NOT_FOUND"), busy(404, "NOT_FOUND"))

    failed(lambda: server.rostrum.pattern_profile("ann/../é"))
    failed(lambda: server.rostrum.session("../users/ann"))

    assert [each.path for each in server.there.deliveries] == [
        "/api/users/ann%2F..%2F%C3%A9/pattern-profile",
        "/api/sessions/..%2Fusers%2Fann",
    ]


def test_waiting_ends_with_an_error_where_nothing_comes_of_it(server: Server) -> None:
    detail = {
        **session("PROCESSING"),
        **dict.fromkeys(
            ("summary", "focusNext", "focusKey", "lastFocus", "intentLabel", "transcript",
             "metricsNote", "metricsRestOn")
        ),
        **{name: [] for name in ("strengths", "insights", "metrics", "runs", "events")},
    }  # fmt: skip
    server.there.reply(*[Reply(200, body=json.dumps(detail).encode())] * 3)

    with pytest.raises(TimeoutError, match="PROCESSING"):
        server.rostrum.wait_until_finished(ID, timeout_seconds=0.05, poll_seconds=0.02)


def session(status: str) -> dict[str, Any]:
    """A session as the API answers it."""
    nothing = dict.fromkeys(
        ("title", "stage", "completedAt", "durationSeconds", "audioDeletedAt", "wordCount",
         "errorMessage", "error")
    )  # fmt: skip
    now = "2026-11-25T09:00:00Z"
    return {
        **nothing,
        "id": ID,
        "userId": "ann",
        "language": "en",
        "source": "app",
        "status": status,
        "statusChangedAt": now,
        "createdAt": now,
        "audioHeld": True,
        "queued": True,
        "attempts": 0,
        "newerServersSayMore": True,
    }


NOTICE = {
    "type": "session.failed",
    "timestamp": "2026-11-25T07:30:00+00:00",
    "data": {"sessionId": ID, "runId": ID, "userId": "ann", "errorCode": "NO_SPEECH"},
}


def signed(body: bytes, *, at: datetime | None = None) -> dict[str, str]:
    now = at or datetime.now(UTC)
    return {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("m1", now, body.decode()),
    }


def test_a_notice_is_believed_by_its_signature_alone() -> None:
    body = json.dumps(NOTICE).encode()

    notice = verified_notice(SECRET, body=body, headers=signed(body))

    assert (notice.type, notice.data.error_code) == ("session.failed", "NO_SPEECH")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps(NOTICE).encode() + b" ", signed(json.dumps(NOTICE).encode())),
        (json.dumps(NOTICE).encode(), {}),
        (b"{}", signed(b"{}")),
        (b"{}", signed(b"{}", at=datetime(2026, 1, 1, tzinfo=UTC))),
    ],
    ids=["another body", "no signature", "another message", "an old one"],
)
def test_anything_else_is_forged(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ForgedNotice):
        verified_notice(SECRET, body=body, headers=headers)
