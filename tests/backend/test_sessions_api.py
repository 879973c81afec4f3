"""Sessions over HTTP: what goes in, what comes out, what is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio.to_thread
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.api import Api, open_api, problem
from tests.talks import tone
from tests.world import NOBODYS_ID, NOWHERE, World


def test_an_upload_is_answered_with_its_session(api: Api) -> None:
    answer = api.upload(title="My talk", language="en")

    session = answer.json()
    assert answer.status_code == 201
    assert session["status"] == "UPLOADED"
    assert session["userId"] == "learner-1"
    assert session["title"] == "My talk"
    assert session["durationSeconds"] == pytest.approx(3.0)
    assert session["audioHeld"] is True


def test_an_upload_succeeds_though_the_queue_is_down(api: Api) -> None:
    """The world's queue answers nobody: the sweeper publishes the run later."""
    session = api.upload().json()

    assert session["status"] == "UPLOADED"
    assert session["queued"] is False


def test_storage_keys_are_never_shown(api: Api) -> None:
    session_id = api.upload().json()["id"]

    assert "audio/" not in api.client.get(f"/api/sessions/{session_id}").text.replace(
        "audio/wav", ""
    )


@pytest.mark.parametrize(
    ("form", "files", "expected"),
    [
        ({"userId": "a"}, {}, (400, "MISSING_AUDIO")),
        ({"userId": "a", "audio": "text, not a file"}, {}, (400, "MISSING_AUDIO")),
        ({"userId": "a"}, {"audio": ("a.wav", b"")}, (400, "EMPTY_AUDIO")),
        ({"userId": "a"}, {"audio": ("a.wav", b"x" * 3_000)}, (415, "UNSUPPORTED_AUDIO")),
        ({"userId": "a"}, {"audio": ("a.mp3", b"PK\x03\x04" * 50)}, (415, "UNSUPPORTED_AUDIO")),
        ({}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": ""}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "   "}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "x" * 201}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "a\x00b"}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "a", "title": "t" * 201}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "a", "title": "\x00"}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
        ({"userId": "a", "language": "xx"}, {"audio": ("a.wav", tone())}, (422, "VALIDATION")),
    ],
)
def test_uploads_that_are_refused(
    api: Api, form: dict[str, str], files: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = api.client.post("/api/sessions", data=form, files=files or {"other": ("o", b"1")})

    assert problem(answer) == expected
    assert api.client.get("/api/sessions").json()["sessions"] == []


def test_the_bytes_decide_not_the_name_or_the_header(api: Api) -> None:
    answer = api.client.post(
        "/api/sessions",
        data={"userId": "a"},
        files={"audio": ("holiday.jpg", tone(fmt="ogg"), "image/jpeg")},
    )

    assert answer.status_code == 201


@pytest.fixture
def strict(world: World) -> Iterator[Api]:
    """An API that takes one megabyte and one minute."""
    yield from open_api(world.with_settings(max_upload_mb=1, max_audio_minutes=1))


def test_an_upload_above_the_limit_is_too_large(strict: Api) -> None:
    assert problem(strict.upload(b"x" * (2 << 20))) == (413, "AUDIO_TOO_LARGE")


def test_an_upload_that_hides_its_size_is_too_large(strict: Api) -> None:
    """Without Content-Length the bytes are counted as they come."""

    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="userId"\r\n\r\na\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 65_536
        yield b"\r\n--b--\r\n"

    answer = strict.client.post(
        "/api/sessions",
        content=chunks(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert problem(answer) == (413, "AUDIO_TOO_LARGE")


def test_an_upload_that_is_too_long_is_refused(strict: Api) -> None:
    long = tone(61, fmt="ogg")

    assert problem(strict.upload(long)) == (422, "AUDIO_TOO_LONG")


def test_an_upload_without_storage_leaves_nothing_half_stored(world: World) -> None:
    for api in open_api(world.with_settings(r2_endpoint_url=NOWHERE)):
        assert problem(api.upload()) == (503, "STORAGE_UNAVAILABLE")
        assert api.client.get("/api/sessions").json()["sessions"] == []


def test_the_same_idempotency_key_answers_with_the_first_session(api: Api) -> None:
    first = api.upload(key="k1")
    again = api.upload(key="k1")
    other_learner = api.upload(key="k1", userId="learner-2")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert other_learner.json()["id"] != first.json()["id"]


def test_an_idempotency_key_is_forgotten_after_a_day(api: Api) -> None:
    first = api.upload(key="k1")
    api.world.clock.move(hours=25)

    again = api.upload(key="k1")

    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]


def test_the_list_comes_newest_first_in_pages(api: Api) -> None:
    made = [str(api.world.upload(title=f"talk {n}")) for n in range(5)]

    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = api.client.get("/api/sessions", params=params).json()
        seen += [session["id"] for session in page["sessions"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_the_list_can_be_filtered(api: Api) -> None:
    done = str(api.world.complete("ann", title="100% sure"))
    waiting = str(api.world.upload("bob", title="100 times"))

    def ids(**params: str) -> list[str]:
        page = api.client.get("/api/sessions", params=params).json()
        return [session["id"] for session in page["sessions"]]

    assert ids(userId="ann") == [done]
    assert ids(status="UPLOADED") == [waiting]
    assert ids(q="100%") == [done], "a percent sign is a character, not a wildcard"
    assert ids(q="BOB") == [waiting]
    assert ids(userId="nobody") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=DONE",
        "status=completed",
        "cursor=zzz",
        "cursor=",
        "page=2",
        "userId=",
        "userId=%00",
        "q=%00",
        f"q={'x' * 201}",
    ],
)
def test_garbage_in_the_query_is_a_validation_error(api: Api, query: str) -> None:
    assert problem(api.client.get(f"/api/sessions?{query}")) == (422, "VALIDATION")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    params=st.dictionaries(
        st.sampled_from(["userId", "status", "q", "limit", "cursor", "other"]),
        st.text(max_size=30),
        max_size=4,
    )
)
def test_no_query_whatever_breaks_the_list(api: Api, params: dict[str, str]) -> None:
    assert api.client.get("/api/sessions", params=params).status_code in {200, 422}


def test_a_session_is_shown_whole(api: Api) -> None:
    session_id = api.world.complete()

    shown = api.client.get(f"/api/sessions/{session_id}").json()

    assert shown["status"] == "COMPLETED"
    assert shown["transcript"]["wordCount"] > 50
    assert shown["summary"]
    assert shown["focusNext"]
    assert shown["audioDeletedAt"].endswith("Z")
    insight = shown["insights"][0]
    assert {
        "category",
        "pattern",
        "detail",
        "frequency",
        "severity",
        "examples",
        "suggestion",
    } <= insight.keys()
    assert insight["examples"][0]["quote"] in shown["transcript"]["text"]
    assert shown["runs"][0]["outcome"] == "completed"
    assert [event["to"] for event in shown["events"]][-1] == "COMPLETED"


@pytest.mark.parametrize("session_id", [NOBODYS_ID, "nonsense", "%00", "1"])
@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/uploaded", None),
        ("POST", "/runs", {"scope": "analysis"}),
    ],
)
def test_a_session_that_is_not_there_is_not_found(
    api: Api, session_id: str, method: str, suffix: str, body: Any
) -> None:
    answer = api.client.request(method, f"/api/sessions/{session_id}{suffix}", json=body)

    assert problem(answer) == (404, "NOT_FOUND")


def test_stray_query_parameters_are_refused_everywhere(api: Api) -> None:
    session_id = api.world.upload()

    assert problem(api.client.get(f"/api/sessions/{session_id}?x=1")) == (422, "VALIDATION")


def test_an_analysis_can_be_run_again_and_the_old_results_stay_until_it_succeeds(
    api: Api,
) -> None:
    session_id = api.world.complete()
    before = api.client.get(f"/api/sessions/{session_id}").json()

    asked = api.client.post(f"/api/sessions/{session_id}/runs", json={"scope": "analysis"})
    assert (asked.status_code, asked.json()["number"]) == (202, 2)
    refusal = {"kind": "answer", "status": 500, "body": {}, "times": 1}
    api.world.analyst.misbehave(refusal)
    api.process(session_id)
    failed = api.client.get(f"/api/sessions/{session_id}").json()
    assert failed["status"] == "FAILED"
    assert failed["insights"] == before["insights"]

    api.process(session_id)
    after = api.client.get(f"/api/sessions/{session_id}").json()
    assert after["status"] == "COMPLETED"
    assert after["transcript"] == before["transcript"]
    assert [run["outcome"] for run in after["runs"]] == ["completed", "completed"]
    assert len(api.world.whisper.calls()) == 1


def rerun(api: Api, session_id: Any, scope: str) -> Any:
    return api.client.post(f"/api/sessions/{session_id}/runs", json={"scope": scope})


def test_a_full_run_needs_the_audio(api: Api) -> None:
    assert problem(rerun(api, api.world.complete(), "full")) == (409, "AUDIO_GONE")


def test_an_analysis_needs_a_transcript(api: Api) -> None:
    session_id = api.world.upload(audio=tone(silent=True))
    api.process(session_id)

    assert problem(rerun(api, session_id, "analysis")) == (409, "TRANSCRIPT_MISSING")
    assert rerun(api, session_id, "full").status_code == 202


def test_a_second_run_is_refused_while_one_is_live(api: Api) -> None:
    waiting = api.world.upload()
    completed = api.world.complete("ann")
    assert rerun(api, completed, "analysis").status_code == 202

    assert problem(rerun(api, waiting, "full")) == (409, "ALREADY_RUNNING")
    assert problem(rerun(api, completed, "analysis")) == (409, "ALREADY_RUNNING")


@pytest.mark.parametrize("body", [{}, {"scope": "all"}, {"scope": None}, [], "x"])
def test_a_run_needs_a_known_scope(api: Api, body: Any) -> None:
    session_id = api.world.complete()

    answer = api.client.post(f"/api/sessions/{session_id}/runs", json=body)

    assert problem(answer) == (422, "VALIDATION")


def test_a_deleted_session_leaves_nothing(api: Api) -> None:
    stored = api.world.upload("ann")
    completed = api.world.complete("ann")

    assert api.client.delete(f"/api/sessions/{stored}").status_code == 204
    assert api.client.delete(f"/api/sessions/{completed}").status_code == 204

    assert not api.world.is_stored(stored)
    assert api.client.get("/api/sessions").json()["sessions"] == []
    assert api.client.get("/api/users/ann/pattern-profile").json()["patterns"] == []


def test_a_session_is_not_deleted_while_its_audio_cannot_be(world: World) -> None:
    session_id = world.upload()
    for away in open_api(world.with_settings(r2_endpoint_url=NOWHERE)):
        answer = away.client.delete(f"/api/sessions/{session_id}")
        assert problem(answer) == (503, "STORAGE_UNAVAILABLE")
        assert away.client.get(f"/api/sessions/{session_id}").status_code == 200


def test_reads_are_answered_while_uploads_wait_for_storage(world: World) -> None:
    """The API has one thread here, as if forty uploads waited."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(2) as callers:
        silent.settimeout(30)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hanging = world.with_settings(r2_endpoint_url=address)
        with contextmanager(open_api)(hanging) as api:
            assert api.client.portal is not None
            api.client.portal.call(_leave_one_thread)
            waiting = callers.submit(api.upload)
            stored_at, _ = silent.accept()
            reading = callers.submit(api.client.get, "/api/sessions")
            try:
                assert reading.result(timeout=15).status_code == 200
            finally:
                stored_at.close()
                silent.close()
            assert problem(waiting.result()) == (503, "STORAGE_UNAVAILABLE")


async def _leave_one_thread() -> None:
    anyio.to_thread.current_default_thread_limiter().total_tokens = 1
