"""Every code that a delivery can end in: what the queue is told, and what the session says."""

from __future__ import annotations

import io
import wave
from typing import Any
from uuid import UUID

import pytest

from pipeline.queue import RETRIES
from pipeline.storage import audio_key
from tests.backend.api import Api, open_api, problem
from tests.talks import tone, verbose_json
from tests.world import NOWHERE

NON_RETRYABLE = "Upstash-NonRetryable-Error"


def answers(status: int, body: Any = None) -> dict[str, Any]:
    """A vendor that says the same to every call."""
    return {"kind": "answer", "status": status, "body": body or {"error": {}}, "times": None}


def ends_for_good(api: Api, session_id: UUID, code: str) -> None:
    """The queue is told to stop, and the session says that no retry mends it."""
    answer = api.process(session_id)

    assert problem(answer) == (489, code)
    assert answer.headers[NON_RETRYABLE] == "true"
    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert shown["status"] == "FAILED"
    assert shown["error"] == {
        "code": code,
        "message": answer.json()["error"],
        "retryable": False,
        "willRetry": False,
    }
    assert shown["errorMessage"] == answer.json()["error"]
    assert shown["runs"][-1]["errorCode"] == code
    assert shown["events"][-1]["errorCode"] == code


def may_pass(api: Api, session_id: UUID, code: str, *, status: int = 503) -> None:
    """The queue is told to come again, and the session says so."""
    answer = api.process(session_id)

    assert problem(answer) == (status, code)
    assert NON_RETRYABLE not in answer.headers
    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert shown["status"] == "FAILED"
    assert shown["error"]["code"] == code
    assert (shown["error"]["retryable"], shown["error"]["willRetry"]) == (True, True)


def sent_to_storage(api: Api, content: bytes) -> UUID:
    """A recording that the app sent to storage itself: nobody has decoded it yet."""
    wanted = {"userId": "ann", "contentType": "audio/wav", "sizeBytes": len(content)}
    made = api.client.post("/api/sessions/uploads", json=wanted)
    session_id = UUID(made.json()["id"])
    storage = api.world.services.storage
    storage.put(audio_key(session_id), io.BytesIO(content), content_type="audio/wav")
    assert api.client.post(f"/api/sessions/{session_id}/uploaded").status_code == 200
    return session_id


def test_what_is_no_audio_fails_for_good(api: Api) -> None:
    ends_for_good(api, sent_to_storage(api, b"this is no audio" * 100), "UNSUPPORTED_AUDIO")


def test_audio_of_no_length_fails_for_good(api: Api) -> None:
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))

    ends_for_good(api, sent_to_storage(api, silence.getvalue()), "EMPTY_AUDIO")


def test_audio_above_the_minutes_fails_for_good(api: Api) -> None:
    for strict in open_api(api.world.with_settings(max_audio_minutes=1)):
        ends_for_good(strict, sent_to_storage(api, tone(61)), "AUDIO_TOO_LONG")


def test_audio_that_is_not_there_fails_for_good(api: Api) -> None:
    session_id = api.world.upload()
    api.world.services.storage.delete(audio_key(session_id))

    ends_for_good(api, session_id, "AUDIO_MISSING")


def test_silence_fails_for_good(api: Api) -> None:
    ends_for_good(api, api.world.upload(audio=tone(silent=True)), "NO_SPEECH")


def test_audio_that_cannot_be_deleted_keeps_the_session_from_completing(api: Api) -> None:
    session_id = api.world.upload()
    refuse_deletes(api)

    may_pass(api, session_id, "AUDIO_NOT_DELETED")

    assert api.world.is_stored(session_id)
    for mended in open_api(api.world):
        again = mended.process(session_id, headers={"Upstash-Retried": "1"})
        assert again.json() == {"ok": True, "status": "COMPLETED"}
    assert not api.world.is_stored(session_id)


def refuse_deletes(api: Api) -> None:
    """From now on this application's deletes go to a port where nobody listens."""
    client = api.services.storage._client  # noqa: SLF001 - boto3's own hook, on the real client

    def elsewhere(request: Any, **_: Any) -> None:
        request.url = f"{NOWHERE}/gone"

    client.meta.events.register("before-sign.s3.DeleteObject", elsewhere)


def test_a_success_clears_the_error_of_the_attempt_before(api: Api) -> None:
    api.world.whisper.misbehave({**answers(500), "times": 1}, answers(200, verbose_json()))
    session_id = api.world.upload()
    may_pass(api, session_id, "TRANSCRIPTION_UNAVAILABLE")

    api.process(session_id, headers={"Upstash-Retried": "1"})

    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert (shown["status"], shown["error"], shown["errorMessage"]) == ("COMPLETED", None, None)


@pytest.mark.parametrize(
    ("retried", "will_retry"),
    [("0", True), (str(RETRIES - 1), True), (str(RETRIES), False), ("9" * 5000, True)],
)
def test_the_count_of_retries_decides_whether_another_one_is_expected(
    api: Api,
    retried: str,
    will_retry: bool,  # noqa: FBT001 - the expected value
) -> None:
    api.world.whisper.misbehave(answers(500))
    session_id = api.world.upload()

    answer = api.process(session_id, headers={"Upstash-Retried": retried})

    assert problem(answer) == (503, "TRANSCRIPTION_UNAVAILABLE")
    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert error["willRetry"] is will_retry
