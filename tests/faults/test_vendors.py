"""Every way in which a vendor fails, as one table.

What the queue is told, what the session says, and how often the vendor was called: once a
delivery, for the queue does the retries.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Literal
from uuid import UUID

import pytest

from local.objects import ObjectsServer
from pipeline.errors import QueueUnavailable, RostrumError, StorageUnavailable
from pipeline.schedule import schedule_sweep
from pipeline.storage import audio_key
from tests.backend.api import Api, open_api, problem
from tests.standins import StandIn
from tests.talks import LINES, tone, verbose_json
from tests.world import NOWHERE, World

TELLTALE = "what-the-vendor-said-0xC0FFEE"
"""In each answer of a vendor; it must reach nobody."""


def says(status: int, body: Any = None, **headers: str) -> dict[str, Any]:
    """A vendor that answers every call so."""
    return {
        "kind": "answer",
        "status": status,
        "body": {"error": {"message": TELLTALE}} if body is None else body,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "times": None,
    }


@dataclass(frozen=True)
class Trouble:
    """A fault, and the code that it becomes at each vendor."""

    fault: dict[str, Any]
    whisper: str
    claude: str
    storage: str = "STORAGE_UNAVAILABLE"
    retry_after: str | None = None
    """What the vendor asks for, in seconds, and the queue is told."""


T_AWAY, T_REFUSED = "TRANSCRIPTION_UNAVAILABLE", "TRANSCRIPTION_REJECTED"
A_AWAY, A_REFUSED = "ANALYSIS_UNAVAILABLE", "ANALYSIS_REJECTED"
S_AWAY, SLOW_DOWN, LATE = "STORAGE_UNAVAILABLE", "RATE_LIMITED", "TIMEOUT"
FOR_GOOD = {T_REFUSED, A_REFUSED, "ANALYSIS_INVALID", "AUDIO_MISSING"}

DAY_AFTER_NEXT = formatdate(time.time() + 2 * 86_400, usegmt=True)
YESTERDAY = formatdate(time.time() - 86_400, usegmt=True)

TROUBLES = {
    "400": Trouble(says(400), T_REFUSED, A_REFUSED),
    "401": Trouble(says(401), T_AWAY, A_AWAY),
    "403": Trouble(says(403), T_AWAY, A_AWAY),
    "404": Trouble(says(404), T_AWAY, A_AWAY),
    "408": Trouble(says(408), LATE, LATE),
    "413": Trouble(says(413), T_REFUSED, A_REFUSED),
    "422": Trouble(says(422), T_REFUSED, A_REFUSED),
    "429": Trouble(says(429), SLOW_DOWN, SLOW_DOWN),
    "429, 7 s": Trouble(says(429, retry_after="7"), SLOW_DOWN, SLOW_DOWN, retry_after="7"),
    "429, in two days": Trouble(
        says(429, retry_after=DAY_AFTER_NEXT), SLOW_DOWN, SLOW_DOWN, retry_after="86400"
    ),
    "500": Trouble(says(500), T_AWAY, A_AWAY),
    "503": Trouble(says(503), T_AWAY, A_AWAY),
    "503, 11 s": Trouble(says(503, retry_after="11"), T_AWAY, A_AWAY, retry_after="11"),
    "504, 5 s": Trouble(says(504, retry_after="5"), LATE, LATE, retry_after="5"),
    "529": Trouble(says(529), T_AWAY, A_AWAY),
    "529, 3 s": Trouble(says(529, retry_after="3"), T_AWAY, A_AWAY, retry_after="3"),
    "cut mid-body": Trouble({"kind": "cut", "times": None}, T_AWAY, A_AWAY),
    "not JSON": Trouble(says(200, f"{{{TELLTALE}"), T_AWAY, A_AWAY),
    "a web page": Trouble(
        says(200, f"<html>{TELLTALE}</html>", content_type="text/html"), T_AWAY, A_AWAY
    ),
    "not UTF-8": Trouble(says(200, "{}", content_encoding="gzip"), T_AWAY, A_AWAY),
    "another object": Trouble(says(200, {"said": TELLTALE}), T_AWAY, A_AWAY),
    "a list": Trouble(says(200, [TELLTALE]), T_AWAY, A_AWAY),
    "null": Trouble(says(200, "null"), T_AWAY, A_AWAY),
    "nothing": Trouble(says(200, ""), T_AWAY, A_AWAY),
    "bottomless": Trouble(says(200, "[" * 50_000), T_AWAY, A_AWAY),
}


LOST = {"kind": "lose", "times": None}
"""The work is done, and its answer lost."""


@dataclass(frozen=True)
class Outcome:
    """What one delivery came to."""

    status: int
    code: str
    retry_after: str | None
    non_retryable: str | None
    recorded: tuple[str, bool, bool]
    """What the session says: code, retryable, willRetry."""
    calls: int
    """How often the vendor was called."""


def ends(code: str, *, retry_after: str | None = None, calls: int = 1) -> Outcome:
    """What a delivery must come to that ends in this code."""
    if code in FOR_GOOD:
        return Outcome(489, code, None, "true", (code, False, False), calls)
    return Outcome(503, code, retry_after, None, (code, True, True), calls)


def outcome(
    api: Api,
    vendor: StandIn,
    *faults: dict[str, Any],
    method: str = "POST",
    session_id: UUID | None = None,
) -> Outcome:
    """Deliver a session, a new one where none is named, while the vendor misbehaves."""
    session_id = session_id or api.world.upload()
    vendor.behave()
    vendor.misbehave(*faults)

    answer = api.process(session_id)

    shown = api.client.get(f"/api/sessions/{session_id}")
    assert TELLTALE not in answer.text + shown.text
    assert shown.json()["status"] == "FAILED"
    error = shown.json()["error"]
    status, code = problem(answer)
    return Outcome(
        status,
        code,
        answer.headers.get("Retry-After"),
        answer.headers.get("Upstash-NonRetryable-Error"),
        (error["code"], error["retryable"], error["willRetry"]),
        len([call for call in vendor.calls() if call["method"] == method]),
    )


def claude_says(text: str, **changed: Any) -> dict[str, Any]:
    """An answer in Anthropic's form."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 10},
    }
    return says(200, {**message, **changed})


WHISPER = {
    "429, 0.2 s": (says(429, retry_after="0.2"), ends(SLOW_DOWN, retry_after="1")),
    "429, yesterday": (says(429, retry_after=YESTERDAY), ends(SLOW_DOWN, retry_after="0")),
    "429, some day": (says(429, retry_after="some day"), ends(SLOW_DOWN)),
    "429, absurd date": (says(429, retry_after=f"Mon, 1 Jan {'9' * 30} 00:00:00"), ends(SLOW_DOWN)),
    "segments without numbers": (says(200, verbose_json(avg_logprob=None)), ends(T_AWAY)),
    "a number that is none": (says(200, verbose_json(start="NaN")), ends(T_AWAY)),
    "words without times": (
        says(200, {**verbose_json(), "words": [{"word": TELLTALE}]}),
        ends(T_AWAY),
    ),
}
CLAUDE: dict[str, tuple[list[dict[str, Any]], Outcome]] = {
    "a refusal": ([claude_says(TELLTALE, stop_reason="refusal")], ends(A_REFUSED)),
    "too long": (
        [claude_says(TELLTALE, stop_reason="model_context_window_exceeded")],
        ends(A_REFUSED),
    ),
    "prose": ([claude_says(TELLTALE)], ends("ANALYSIS_INVALID", calls=2)),
    "cut off": (
        [claude_says('{"insights": [', stop_reason="max_tokens")],
        ends("ANALYSIS_INVALID", calls=2),
    ),
    "an empty object": ([claude_says("{}")], ends("ANALYSIS_INVALID", calls=2)),
    "insights that are none": (
        [claude_says(json.dumps({"insights": 5}))],
        ends("ANALYSIS_INVALID", calls=2),
    ),
    "no content": ([claude_says("", content=[])], ends("ANALYSIS_INVALID", calls=2)),
    "content that is none": ([claude_says("", content=None)], ends(A_AWAY)),
    "no usage": ([claude_says("{}", usage=None)], ends(A_AWAY)),
    "more tokens than a column holds": (
        [claude_says("{}", usage={"input_tokens": 2**40, "output_tokens": 1})],
        ends(A_AWAY),
    ),
    "overloaded in the repair round": (
        [{**claude_says(TELLTALE), "times": 1}, says(529, retry_after="3")],
        ends(A_AWAY, retry_after="3", calls=2),
    ),
}


def s3_says(status: int, code: str, **headers: str) -> dict[str, Any]:
    """A refusal in S3's form."""
    return says(
        status, f"<Error><Code>{code}</Code><Message>{TELLTALE}</Message></Error>", **headers
    )


STORAGE: dict[str, tuple[dict[str, Any], Outcome]] = {
    "no such object": (s3_says(404, "NoSuchKey"), ends("AUDIO_MISSING")),
    "no such bucket": (s3_says(404, "NoSuchBucket"), ends(S_AWAY)),
    "slow down": (s3_says(503, "SlowDown", retry_after="9"), ends(S_AWAY, retry_after="9")),
    "other region": (s3_says(400, "AuthorizationHeaderMalformed"), ends(S_AWAY)),
    "half the object": (
        says(200, "half", etag='"e"', content_length="1000"),
        ends(S_AWAY),
    ),
}


def rows_of(vendor: Literal["whisper", "claude", "storage"]) -> dict[str, tuple[Any, Outcome]]:
    """What the table expects of one vendor: fault and outcome by name."""
    return {
        name: (row.fault, ends(getattr(row, vendor), retry_after=row.retry_after))
        for name, row in TROUBLES.items()
    }


def expected_of(rows: Mapping[str, tuple[Any, Outcome]]) -> dict[str, Outcome]:
    """The outcomes alone."""
    return {name: expected for name, (_, expected) in rows.items()}


@pytest.fixture(autouse=True)
def _nothing_of_a_vendor_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a vendor says may hold what a learner said."""
    yield
    assert TELLTALE not in caplog.text


def test_each_failure_of_whisper(api: Api) -> None:
    rows = {**rows_of("whisper"), **WHISPER}

    seen = {name: outcome(api, api.world.whisper, fault) for name, (fault, _) in rows.items()}

    assert seen == expected_of(rows)


def test_each_failure_of_claude(api: Api) -> None:
    rows = {name: ([fault], expected) for name, (fault, expected) in rows_of("claude").items()}
    rows |= CLAUDE

    seen = {name: outcome(api, api.world.analyst, *faults) for name, (faults, _) in rows.items()}

    assert seen == expected_of(rows)
    assert len(api.world.whisper.calls()) == len(rows), "each talk was transcribed once"


def test_characters_that_no_column_takes_are_left_out_of_what_vendors_say(api: Api) -> None:
    """Refusing them would ask again, and pay again, for the same answer."""
    lines = tuple(line.replace("hospital", "hos\0pital") for line in LINES)
    api.world.whisper.misbehave(
        says(200, json.dumps(verbose_json(lines)).replace("my ", r"\ud83d"))
    )
    analysis = {
        "insights": [],
        "strengths": [{"text": "Clear\0.", "quote": LINES[0], "segment": 0}],
        "focusNext": "Pause\ud83d more.",
        "summary": "A talk.",
        "intentLabel": "work",
    }
    api.world.analyst.misbehave(claude_says(json.dumps(analysis)))
    session_id = api.world.upload()

    assert api.process(session_id).json() == {"ok": True, "status": "COMPLETED"}

    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert "small hospital" in shown["transcript"]["text"]
    assert shown["focusNext"] == "Pause more."


def test_a_date_to_retry_at_becomes_the_seconds_until_then(api: Api) -> None:
    later = formatdate(time.time() + 90, usegmt=True)

    told = outcome(api, api.world.whisper, says(503, retry_after=later)).retry_after

    assert told is not None
    assert 60 <= int(told) <= 90


@pytest.fixture
def doored_api(doored: World) -> Iterator[Api]:
    """The application, its storage behind the door."""
    yield from open_api(doored)


def test_each_failure_of_storage_to_give_a_recording(
    doored_api: Api, storage_door: StandIn
) -> None:
    rows = {**rows_of("storage"), **STORAGE}

    seen = {
        name: outcome(doored_api, storage_door, {**fault, "method": "GET"}, method="GET")
        for name, (fault, _) in rows.items()
    }

    assert seen == expected_of(rows)
    assert doored_api.world.whisper.calls() == []


def test_each_failure_of_storage_to_delete_a_recording(
    doored_api: Api, storage_door: StandIn
) -> None:
    """Tried before and after the analysis; what was paid for is not asked for again."""
    session_id = doored_api.world.upload()
    faults = {name: row.fault for name, row in TROUBLES.items()}
    faults |= {"no such bucket": s3_says(404, "NoSuchBucket"), "answer lost": LOST}

    seen = {
        name: outcome(
            doored_api,
            storage_door,
            {**fault, "method": "DELETE"},
            method="DELETE",
            session_id=session_id,
        )
        for name, fault in faults.items()
    }

    assert seen == dict.fromkeys(faults, ends("AUDIO_NOT_DELETED", calls=2))
    world = doored_api.world
    assert (len(world.whisper.calls()), len(world.analyst.calls())) == (1, 1)


def test_a_recording_that_is_gone_already_counts_as_deleted(
    doored_api: Api, storage_door: StandIn
) -> None:
    session_id = doored_api.world.upload()
    storage_door.misbehave({**s3_says(404, "NoSuchKey"), "method": "DELETE"})

    assert doored_api.process(session_id).json() == {"ok": True, "status": "COMPLETED"}


def test_each_failure_of_storage_to_take_an_upload_leaves_nothing_behind(
    doored_api: Api, storage_door: StandIn, objects: ObjectsServer
) -> None:
    untouched = stored(doored_api)
    faults = {name: row.fault for name, row in TROUBLES.items()}
    faults |= {name: fault for name, (fault, _) in STORAGE.items()} | {"answer lost": LOST}
    asked = {name: row.retry_after for name, row in TROUBLES.items()} | {"slow down": "9"}
    seen = {}
    for name, fault in faults.items():
        storage_door.behave()
        storage_door.misbehave({**fault, "method": "PUT"})
        answer = doored_api.upload()
        assert TELLTALE not in answer.text
        calls = [call["path"] for call in storage_door.calls() if call["method"] == "PUT"]
        assert calls[0].startswith(f"/{objects.bucket}/audio/")
        seen[name] = (*problem(answer), answer.headers.get("Retry-After"), len(calls))

    assert seen == {name: (503, S_AWAY, asked.get(name), 1) for name in faults}
    assert doored_api.client.get("/api/sessions").json()["sessions"] == []
    assert stored(doored_api) == untouched


def stored(api: Api) -> set[str]:
    """What lies in the storage."""
    return {held.key for held in api.world.services.storage.objects()}


def test_each_failure_of_storage_to_tell_a_size_leaves_an_upload_unconfirmed(
    doored_api: Api, storage_door: StandIn
) -> None:
    wanted = {"userId": "ann", "contentType": "audio/wav", "sizeBytes": len(tone())}
    session_id = doored_api.client.post("/api/sessions/uploads", json=wanted).json()["id"]
    doored_api.world.services.storage.put(
        audio_key(UUID(session_id)), io.BytesIO(tone()), content_type="audio/wav"
    )
    seen = {}
    for name, row in TROUBLES.items():
        storage_door.behave()
        storage_door.misbehave({**row.fault, "method": "HEAD"})
        answer = doored_api.client.post(f"/api/sessions/{session_id}/uploaded")
        calls = [call for call in storage_door.calls() if call["path"].endswith(session_id)]
        seen[name] = (*problem(answer), answer.headers.get("Retry-After"), len(calls))

    expected = {name: (503, S_AWAY, row.retry_after, 1) for name, row in TROUBLES.items()}
    assert seen == {**expected, "404": (409, "AUDIO_MISSING", None, 1)}
    shown = doored_api.client.get(f"/api/sessions/{session_id}").json()
    assert shown["status"] == "CREATED"
    storage_door.behave()
    assert doored_api.client.post(f"/api/sessions/{session_id}/uploaded").status_code == 200


def test_each_failure_of_storage_to_list_is_told_by_readiness_and_by_the_sweeper(
    doored_api: Api, storage_door: StandIn
) -> None:
    seen = {}
    for name, row in TROUBLES.items():
        storage_door.behave()
        storage_door.misbehave({**row.fault, "method": "GET"})
        ready = doored_api.client.get("/readyz")
        swept = doored_api.webhook("sweep", b"")
        assert TELLTALE not in ready.text + swept.text
        seen[name] = (
            ready.status_code,
            ready.json()["storage"],
            swept.status_code,
            swept.json()["failures"],
            len(storage_door.calls()),
        )

    assert seen == dict.fromkeys(TROUBLES, (503, StorageUnavailable.sentence, 200, 1, 2))


def test_a_bucket_that_is_not_there_is_no_missing_recording(api: Api) -> None:
    """It is ours to mend: the recordings of a whole school must not fail for good by it."""
    session_id = api.world.upload()
    wanted = {"userId": "ann", "contentType": "audio/wav", "sizeBytes": 9}
    announced = api.client.post("/api/sessions/uploads", json=wanted).json()["id"]
    for lost in open_api(api.world.with_settings(r2_bucket_name="nobody-made-this")):
        assert problem(lost.process(session_id)) == (503, S_AWAY)
        confirmed = lost.client.post(f"/api/sessions/{announced}/uploaded")
        assert problem(confirmed) == (503, S_AWAY)


@pytest.mark.parametrize(
    ("away", "code"),
    [
        ({"openai_base_url": f"{NOWHERE}/v1"}, T_AWAY),
        ({"anthropic_base_url": NOWHERE}, A_AWAY),
        ({"r2_endpoint_url": NOWHERE}, S_AWAY),
    ],
    ids=["whisper", "claude", "storage"],
)
def test_a_vendor_that_refuses_the_connection_may_come_back(
    api: Api, away: dict[str, str], code: str
) -> None:
    session_id = api.world.upload()
    for other in open_api(api.world.with_settings(**away)):
        assert problem(other.process(session_id)) == (503, code)

    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert (error["code"], error["retryable"], error["willRetry"]) == (code, True, True)


def test_a_vendor_that_hangs_takes_no_more_than_the_deliverys_time(
    doored: World, storage_door: StandIn, objects: ObjectsServer
) -> None:
    """All four at once, each on a session of its own that has come just so far."""
    world = doored.with_settings(delivery_seconds=3)
    fetching, transcribing, analyzing, deleting = (world.upload() for _ in range(4))
    hang = {"kind": "hang", "times": None}
    for api in open_api(world):
        world.analyst.misbehave(says(529))
        assert api.process(analyzing).status_code == 503
        storage_door.misbehave(
            {**hang, "method": "GET", "path": f"/{objects.bucket}/{audio_key(fetching)}"},
            {**hang, "method": "DELETE", "path": f"/{objects.bucket}/{audio_key(deleting)}"},
        )
        world.analyst.misbehave(hang)
        with ThreadPoolExecutor(4) as pool:
            late = [pool.submit(api.process, session) for session in (fetching, deleting)]
            late.append(pool.submit(api.process, analyzing))
            wait_until_called(world.whisper, 2)
            world.whisper.misbehave(hang)
            late.append(pool.submit(api.process, transcribing))

        assert [problem(answer.result()) for answer in late] == [(503, LATE)] * 4
        for session_id in (fetching, transcribing, analyzing, deleting):
            error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
            assert (error["code"], error["retryable"], error["willRetry"]) == (LATE, True, True)


def wait_until_called(vendor: StandIn, times: int) -> None:
    """Wait for so many calls in all."""
    deadline = time.monotonic() + 10
    while len(vendor.calls()) < times:
        assert time.monotonic() < deadline
        time.sleep(0.02)


QUEUE = {
    "no message": says(200, {"messageId": None}),
    "messages of a group": says(200, [{"messageId": "msg_1", "url": TELLTALE}]),
    "answer lost": LOST,
}


def test_each_failure_of_the_queue(world: World, qstash: StandIn) -> None:
    """An upload succeeds all the same, the schedule and readiness say what is wrong."""
    faults = {name: row.fault for name, row in TROUBLES.items()} | QUEUE
    for api in open_api(world.with_settings(qstash_url=qstash.url)):
        seen = {name: queue_outcome(api, qstash, fault) for name, fault in faults.items()}

    assert seen == {name: queue_expected(name) for name in faults}


def queue_expected(name: str) -> dict[str, Any]:
    """All three callers hear the same."""
    row = TROUBLES.get(name)
    slow = row is not None and row.whisper == SLOW_DOWN
    code = SLOW_DOWN if slow else QueueUnavailable.code
    wait = float(row.retry_after) if row and row.retry_after else None
    sentence = "The queue asked us to slow down." if slow else QueueUnavailable.sentence
    return {
        "upload": (201, False, 1),
        "schedule": (code, wait, 1),
        "readyz": sentence,
    }


def queue_outcome(api: Api, qstash: StandIn, fault: dict[str, Any]) -> dict[str, Any]:
    """What an upload, the schedule and readiness make of a fault."""
    qstash.behave()
    qstash.misbehave(fault)
    uploaded = api.upload()
    published = len(qstash.calls())
    with pytest.raises(RostrumError) as raised:
        schedule_sweep(api.services)
    assert TELLTALE not in uploaded.text + repr(raised.value)
    scheduled = len(qstash.calls()) - published
    return {
        "upload": (uploaded.status_code, uploaded.json()["queued"], published),
        "schedule": (raised.value.code, raised.value.retry_after, scheduled),
        "readyz": api.client.get("/readyz").json()["queue"],
    }
