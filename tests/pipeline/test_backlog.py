"""What waits, what is worked on and what is overdue, as an operator sees it."""

from __future__ import annotations

import pytest

from pipeline.backlog import backlog
from pipeline.errors import NoSpeech, RateLimited
from pipeline.sweep import sweep
from tests.talks import tone, verbose_json
from tests.world import World

ANSWER_429 = {"kind": "answer", "status": 429, "headers": {"retry-after": "7"}}


def test_an_empty_place_has_nothing_to_do(world: World) -> None:
    found = backlog(world.services)

    assert (found.waiting, found.working, found.audio_overdue) == (0, 0, 0)
    assert found.oldest_waiting_seconds == 0.0


def test_a_recording_waits_from_its_upload_until_a_worker_takes_it(world: World) -> None:
    session_id = world.upload()
    world.clock.move(minutes=10)
    world.upload()
    waiting = backlog(world.services)
    world.fall_silent(session_id)
    taken = backlog(world.services)

    assert (waiting.waiting, waiting.working) == (2, 0)
    assert waiting.oldest_waiting_seconds == pytest.approx(600, abs=30)
    assert (taken.waiting, taken.working) == (1, 1)
    assert taken.oldest_waiting_seconds < 30


def test_what_a_dead_worker_left_waits_from_the_end_of_its_lease(world: World) -> None:
    world.fall_silent(world.upload())
    world.clock.move(seconds=60 + 300)

    found = backlog(world.services)

    assert (found.waiting, found.working) == (1, 0)
    assert found.oldest_waiting_seconds == pytest.approx(300, abs=30)


def test_a_failed_attempt_waits_for_its_retry_and_what_is_over_waits_no_more(world: World) -> None:
    world.whisper.misbehave(ANSWER_429)
    session_id = world.upload()
    world.clock.move(hours=1)
    with pytest.raises(RateLimited):
        world.deliver(session_id)
    failed = backlog(world.services)
    world.says(verbose_json())
    world.deliver(session_id, retried=1)

    assert failed.waiting == 1
    assert failed.oldest_waiting_seconds < 30, "from the failure, not from the upload"
    assert backlog(world.services).waiting == 0


def test_a_recording_of_a_session_that_failed_for_good_is_overdue_after_its_retention(
    world: World,
) -> None:
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    kept = backlog(world.services).audio_overdue
    world.clock.move(hours=25)
    overdue = backlog(world.services)
    sweep(world.services)

    assert kept == 0
    assert (overdue.audio_overdue, overdue.waiting) == (1, 0)
    assert backlog(world.services).audio_overdue == 0
