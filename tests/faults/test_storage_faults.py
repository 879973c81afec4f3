"""Each failure of the storage: to give, take, delete, measure and list recordings."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest

from local.objects import ObjectsServer
from pipeline.errors import StorageUnavailable
from pipeline.storage import audio_key
from tests.backend.api import Api, open_api, problem
from tests.faults.troubles import (
    LOST,
    S_AWAY,
    TELLTALE,
    TROUBLES,
    Outcome,
    ends,
    expected_of,
    outcome,
    rows_of,
    says,
)
from tests.standins import StandIn
from tests.talks import tone

pytestmark = pytest.mark.usefixtures("nothing_of_a_vendor_is_logged")


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
    faults["slow down"] = s3_says(503, "SlowDown", retry_after="9")
    asked = {name: row.retry_after for name, row in TROUBLES.items()} | {"slow down": "9"}

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

    assert seen == {
        name: ends("AUDIO_NOT_DELETED", retry_after=asked.get(name), calls=2) for name in faults
    }
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
