"""Dead letters on a real server, whose queue delivers what is retried by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.backend.api import problem
from tests.backend.live import Live, eventually
from tests.letters import LETTERS
from tests.standins import StandIn
from tests.talks import verbose_json
from tests.world import World

SPEECH = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}


def letters(live: Live) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.client.get(LETTERS).json()["letters"]
    return found


def given_up(live: Live, world: World, sessions: int = 1) -> list[dict[str, Any]]:
    """Sessions that failed to their last delivery and then hear again; their dead letters."""
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}, "times": None})
    for _ in range(sessions):
        live.upload()
    eventually(lambda: _callbacks(live) == [200] * sessions)
    world.whisper.misbehave(SPEECH)
    found = letters(live)
    assert len(found) == sessions
    return found


def _callbacks(live: Live) -> list[int]:
    return [line["status"] for line in live.lines() if line.get("route") == "/api/internal/failed"]


def completed(live: Live, session_id: str) -> Any:
    session = live.client.get(f"/api/sessions/{session_id}").json()
    return session if session["status"] == "COMPLETED" else None


def test_a_retry_ends_in_completed(world: World, queued: Live) -> None:
    (letter,) = given_up(queued, world)
    assert (letter["code"], letter["deliveries"], letter["attempts"]) == (
        "TRANSCRIPTION_UNAVAILABLE",
        4,
        4,
    )

    answer = queued.client.post(f"{LETTERS}/{letter['id']}/retry")

    assert answer.status_code == 202
    done = eventually(lambda: completed(queued, letter["sessionId"]))
    assert done["error"] is None
    assert [(run["outcome"], run["attempts"]) for run in done["runs"]] == [("completed", 5)]
    assert letters(queued) == []


def test_all_that_failed_are_retried_and_end_in_completed(world: World, queued: Live) -> None:
    found = given_up(queued, world, sessions=3)

    answer = queued.client.post(f"{LETTERS}/retry", json={"code": "TRANSCRIPTION_UNAVAILABLE"})

    assert answer.json() == {"retried": 3, "refused": 0, "failed": 0, "more": False}
    for letter in found:
        eventually(partial(completed, queued, letter["sessionId"]))
    assert letters(queued) == []


def test_a_retry_that_fails_again_is_a_dead_letter_again(world: World, queued: Live) -> None:
    (letter,) = given_up(queued, world)
    world.whisper.misbehave({"kind": "answer", "status": 400, "body": {}, "times": None})

    queued.client.post(f"{LETTERS}/{letter['id']}/retry")

    eventually(lambda: _callbacks(queued) == [200, 200])
    (again,) = letters(queued)
    assert again["id"] != letter["id"]
    assert (again["sessionId"], again["code"]) == (letter["sessionId"], "TRANSCRIPTION_REJECTED")
    assert (again["retryable"], again["attempts"]) == (False, 5)


def test_of_two_who_retry_at_once_one_wins(world: World, queued: Live, qstash: StandIn) -> None:
    """The queue is slow to take the first one's wish, so that both have read the letter."""
    (letter,) = given_up(queued, world)
    qstash.misbehave({"kind": "slow", "path": "/v2/dlq/retry", "seconds": 3, "times": None})

    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(queued.client.post, f"{LETTERS}/{letter['id']}/retry") for _ in range(2)
        ]
        answers = sorted((each.result() for each in asked), key=lambda answer: answer.status_code)

    assert answers[0].status_code == 202
    assert problem(answers[1]) == (409, "NOT_RETRYABLE")
    eventually(lambda: completed(queued, letter["sessionId"]))
    retries = [call for call in qstash.calls() if call["path"].startswith("/v2/dlq/retry")]
    assert len(retries) == 1
