"""Recordings that the app sends straight to storage: announce, PUT, confirm."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.backend.api import Api, problem
from tests.talks import tone


def announced(api: Api, audio: bytes, **more: Any) -> Any:
    body = {"userId": "learner-1", "contentType": "audio/wav", "sizeBytes": len(audio), **more}
    return api.client.post("/api/sessions/uploads", json=body)


def put(upload: dict[str, Any], audio: bytes) -> int:
    request = urllib.request.Request(  # noqa: S310 - our own storage
        upload["url"], data=audio, method=upload["method"], headers=upload["headers"]
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own storage
        return int(answer.status)


def test_a_recording_may_be_sent_straight_to_storage(api: Api) -> None:
    audio = tone()
    session = announced(api, audio).json()
    assert session["status"] == "CREATED"

    assert put(session["upload"], audio) == 200
    confirmed = api.client.post(f"/api/sessions/{session['id']}/uploaded")
    again = api.client.post(f"/api/sessions/{session['id']}/uploaded")

    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "UPLOADED")
    assert (again.status_code, again.json()["status"]) == (200, "UPLOADED")
    assert api.process(session["id"]).json()["status"] == "COMPLETED"


def test_confirming_what_was_never_sent_is_a_conflict(api: Api) -> None:
    session_id = announced(api, tone()).json()["id"]

    answer = api.client.post(f"/api/sessions/{session_id}/uploaded")

    assert problem(answer) == (409, "AUDIO_MISSING")


def test_confirming_a_recording_of_another_size_is_a_conflict(api: Api) -> None:
    session = announced(api, tone()).json()
    api.world.services.storage.put(
        f"audio/{session['id']}", io.BytesIO(b"short"), content_type="audio/wav"
    )

    answer = api.client.post(f"/api/sessions/{session['id']}/uploaded")

    assert problem(answer) == (409, "AUDIO_MISMATCH")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sizeBytes": 0}, (422, "VALIDATION")),
        ({"sizeBytes": "many"}, (422, "VALIDATION")),
        ({"sizeBytes": 10**12}, (413, "AUDIO_TOO_LARGE")),
        ({"sizeBytes": True}, (422, "VALIDATION")),
        ({"sizeBytes": "5"}, (422, "VALIDATION")),
        ({"contentType": "text/html"}, (415, "UNSUPPORTED_AUDIO")),
        ({"contentType": "audio/wav\r\nx: y"}, (422, "VALIDATION")),
        ({"contentType": "audio/ü"}, (422, "VALIDATION")),
        ({"contentType": "audio"}, (422, "VALIDATION")),
        ({"userId": "a\x00"}, (422, "VALIDATION")),
        ({"language": "klingon"}, (422, "VALIDATION")),
        ({"userId": ""}, (422, "VALIDATION")),
        ({"extra": 1}, (422, "VALIDATION")),
    ],
)
def test_announcements_that_are_refused(
    api: Api, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(announced(api, tone(), **change)) == expected


@pytest.mark.parametrize("kind", ["audio/webm;codecs=opus", 'video/mp4; codecs="avc1, mp4a.40.2"'])
def test_a_recorder_may_send_its_recording_with_the_type_that_it_tells(api: Api, kind: str) -> None:
    audio = tone()

    answer = announced(api, audio, contentType=kind)

    assert answer.status_code == 201
    assert answer.json()["upload"]["headers"]["Content-Type"] == kind
    assert put(answer.json()["upload"], audio) == 200
    assert api.client.post(f"/api/sessions/{answer.json()['id']}/uploaded").status_code == 200


def test_half_a_character_in_json_is_a_validation_error(api: Api) -> None:
    body = b'{"userId": "ann", "contentType": "audio/wav", "sizeBytes": 5, "title": "\\ud800"}'

    answer = api.client.post(
        "/api/sessions/uploads", content=body, headers={"Content-Type": "application/json"}
    )

    assert problem(answer) == (422, "VALIDATION")


def test_the_announcement_tells_where_how_and_until_when(api: Api) -> None:
    session = announced(api, tone(), title="My talk").json()

    upload = session["upload"]
    assert set(upload) == {"url", "method", "headers", "expiresAt"}
    assert upload["method"] == "PUT"
    assert upload["expiresAt"].endswith("Z")
    assert (session["status"], session["title"], session["queued"]) == ("CREATED", "My talk", False)
    assert session["audioHeld"] is False


def test_storage_refuses_a_recording_of_another_size_than_announced(api: Api) -> None:
    upload = announced(api, tone()).json()["upload"]
    longer = tone(4.0)
    headers = {**upload["headers"], "Content-Length": str(len(longer))}

    with pytest.raises(urllib.error.HTTPError) as refused:
        put({**upload, "headers": headers}, longer)

    refused.value.close()
    assert refused.value.code == 403
