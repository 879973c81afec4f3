"""The sweeper finishes what a crash left."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from pipeline import direct_upload, intake
from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.database.operations import (
    LOST_AFTER,
    MOST_ATTEMPTS,
    OVERDUE_AFTER,
    RESUME_AFTER,
)
from pipeline.dead_letter import mark_dead
from pipeline.errors import NoSpeech, NotFound, RateLimited, TranscriptionUnavailable
from pipeline.queue import READ_TIMEOUT_SECONDS
from pipeline.retention import KIND_SECONDS
from pipeline.status import Outcome, Scope, Status
from pipeline.storage import audio_key
from pipeline.sweep import ORPHAN_AFTER, sweep
from tests.standins import QSTASH_TOKEN, StandIn
from tests.talks import tone
from tests.world import NOWHERE, World


@pytest.fixture
def queued(world: World, qstash: StandIn) -> World:
    """A world whose queue answers, but cannot reach the backend."""
    return world.with_settings(qstash_url=qstash.url, app_url="http://127.0.0.1:9")


def messages(qstash: StandIn) -> int:
    return sum(call["path"].startswith("/v2/publish/") for call in qstash.calls())


def forget_messages(qstash: StandIn) -> None:
    """The queue loses all that it holds."""
    headers = {"Authorization": f"Bearer {QSTASH_TOKEN}"}
    assert httpx.delete(f"{qstash.url}/v2/messages", headers=headers).json()["cancelled"] > 0


def test_an_upload_that_could_not_be_published_is_published_later(
    world: World, queued: World, qstash: StandIn
) -> None:
    session_id = world.upload()
    assert not world.detail(session_id).row.queued
    world.clock.move(minutes=1)

    report = sweep(queued.services)

    assert (report.published, report.failures) == (1, 0)
    assert world.detail(session_id).row.queued
    assert messages(qstash) == 1
    assert sweep(queued.services).published == 0, "a second sweep finds nothing to do"


def test_an_upload_of_this_moment_is_left_to_its_own_publisher(world: World, queued: World) -> None:
    world.upload()

    assert sweep(queued.services).published == 0


def test_a_session_whose_worker_died_is_published_again(queued: World, qstash: StandIn) -> None:
    session_id = queued.upload()
    queued.fall_silent(session_id)
    queued.clock.move(seconds=90)
    assert sweep(queued.services).resumed == 0, "a delivery of the queue is still due"
    queued.clock.move(seconds=RESUME_AFTER.total_seconds())

    assert sweep(queued.services).resumed == 1
    assert messages(qstash) == 2
    queued.deliver(session_id, retried=0)
    assert queued.detail(session_id).row.status is Status.COMPLETED


def begin(world: World, session_id: UUID, *, times: int = 1) -> None:
    """Let workers claim the session and die, one after the other; the last lease runs out."""
    for _ in range(times):
        world.clock.move(seconds=61)
        world.fall_silent(session_id)
    world.clock.move(seconds=61)


def test_a_recording_that_kills_every_worker_is_given_up_in_the_end(queued: World) -> None:
    session_id = queued.upload()
    begin(queued, session_id, times=MOST_ATTEMPTS - 1)
    queued.clock.move(seconds=RESUME_AFTER.total_seconds())
    assert sweep(queued.services).resumed == 1, "it may be the server's fault still"
    begin(queued, session_id)
    queued.clock.move(seconds=RESUME_AFTER.total_seconds())

    report = sweep(queued.services)

    assert (report.resumed, report.given_up) == (0, 1)
    detail = queued.detail(session_id)
    assert detail.row.status is Status.FAILED
    assert detail.row.error is not None
    assert (detail.row.error.code, detail.row.error.will_retry) == ("INTERNAL", False)
    assert "cut off 12 times" in detail.row.error.message
    assert detail.events[-1].actor == "sweeper"
    intake.rerun(queued.services, session_id, scope=Scope.FULL, requested_by="qa")
    queued.deliver(session_id)
    assert queued.detail(session_id).row.status is Status.COMPLETED


def test_what_a_dead_worker_left_is_the_sweepers_though_the_queue_gave_up(
    queued: World,
) -> None:
    session_id = queued.upload()
    begin(queued, session_id)

    assert not mark_dead(queued.services, session_id, None)

    assert queued.detail(session_id).row.status is Status.PROCESSING
    queued.clock.move(seconds=RESUME_AFTER.total_seconds())
    assert sweep(queued.services).resumed == 1


def test_a_rerun_that_no_delivery_reached_is_over_and_the_old_results_stand(world: World) -> None:
    session_id = world.complete()
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")

    assert mark_dead(world.services, session_id, None)

    detail = world.detail(session_id)
    assert detail.row.status is Status.COMPLETED
    assert detail.insights
    assert detail.runs[-1].outcome is Outcome.FAILED
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")


def test_two_sweepers_at_once_publish_a_run_once(queued: World, qstash: StandIn) -> None:
    queued.with_settings(qstash_url=NOWHERE).upload()
    queued.clock.move(minutes=1)
    qstash.misbehave({"kind": "slow", "seconds": 1, "times": None})

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: sweep(queued.services), range(4)))

    assert sum(report.published for report in reports) == 1
    assert messages(qstash) == 1


def test_a_storage_that_is_away_keeps_nothing_else_from_being_swept(
    world: World, queued: World
) -> None:
    silent = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(silent)
    world.upload()
    world.clock.move(hours=25)
    blind = queued.with_settings(r2_endpoint_url=NOWHERE)

    report = sweep(blind.services)

    assert (report.published, report.audio_deleted) == (1, 0)
    assert report.failures == 2, "the overdue recording, and the orphans that cannot be listed"


def test_a_queue_that_hangs_holds_up_the_sweep_for_a_bounded_time(
    world: World, queued: World, qstash: StandIn
) -> None:
    silent = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(silent)
    for _ in range(4):
        world.upload()
    world.clock.move(hours=25)
    qstash.misbehave({"kind": "hang", "times": None})
    begun = time.monotonic()

    report = sweep(queued.services)

    assert (report.published, report.failures) == (0, 4)
    assert report.audio_deleted == 1
    assert time.monotonic() - begun < KIND_SECONDS + READ_TIMEOUT_SECONDS + 20


def test_a_provider_that_asked_for_hours_is_not_asked_before(queued: World) -> None:
    after = {"retry-after": "7200"}
    queued.whisper.misbehave({"kind": "answer", "status": 429, "headers": after, "body": {}})
    session_id = queued.upload()
    with pytest.raises(RateLimited):
        queued.deliver(session_id)
    queued.clock.move(seconds=7200)
    assert sweep(queued.services).resumed == 0
    queued.clock.move(seconds=OVERDUE_AFTER.total_seconds() + 1)

    assert sweep(queued.services).resumed == 1


def test_a_retry_that_never_came_is_published_again(queued: World) -> None:
    queued.whisper.misbehave({"kind": "answer", "status": 500, "body": {}})
    session_id = queued.upload()
    with pytest.raises(TranscriptionUnavailable):
        queued.deliver(session_id)
    queued.clock.move(seconds=LOST_AFTER.total_seconds() + 1)

    assert sweep(queued.services).resumed == 1


def test_a_delivery_that_waits_in_a_long_line_is_left_there(queued: World, qstash: StandIn) -> None:
    queued.upload()
    queued.clock.move(seconds=LOST_AFTER.total_seconds() + 1)

    report = sweep(queued.services)

    assert (report.resumed, report.failures) == (0, 0)
    assert messages(qstash) == 1


def test_a_delivery_that_never_came_is_published_again(queued: World, qstash: StandIn) -> None:
    queued.upload()
    forget_messages(qstash)
    queued.clock.move(seconds=LOST_AFTER.total_seconds() + 1)

    assert sweep(queued.services).resumed == 1
    assert sweep(queued.services).resumed == 0, "it was handed over a moment ago"


def test_a_session_that_was_never_uploaded_goes_after_a_day(world: World) -> None:
    announced = direct_upload.presign(
        world.services, user_id="ann", content_type="audio/wav", size_bytes=5
    )
    world.services.storage.put(
        audio_key(announced.session_id), io.BytesIO(b"12345"), content_type="audio/wav"
    )
    world.clock.move(hours=23)
    assert sweep(world.services).expired == 0
    world.clock.move(hours=2)

    assert sweep(world.services).expired == 1
    assert not world.is_stored(announced.session_id)
    with pytest.raises(NotFound):
        world.detail(announced.session_id)


def test_audio_of_a_failed_session_is_kept_for_its_time_and_then_deleted(world: World) -> None:
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    world.clock.move(hours=23)
    assert sweep(world.services).audio_deleted == 0
    world.clock.move(hours=2)

    assert sweep(world.services).audio_deleted == 1
    assert not world.is_stored(session_id)
    assert world.detail(session_id).row.audio_deleted_at is not None


def test_audio_that_outlived_its_transcript_is_deleted_and_the_session_completes(
    queued: World,
) -> None:
    """Deletion failed to the last delivery; the sweeper deletes, then a run completes."""
    session_id = queued.complete()
    with transaction(queued.services.engine) as db:
        db.execute(
            text("""
            UPDATE sessions SET status = 'FAILED', result_run_id = NULL, audio_deleted_at = NULL,
                error_code = 'AUDIO_NOT_DELETED', error_message = 'x', error_retryable = true,
                will_retry = false, completed_at = NULL;
            UPDATE runs SET outcome = 'failed';
            DELETE FROM insights;
            DELETE FROM metrics;
            """)
        )
    queued.services.storage.put(
        audio_key(session_id), io.BytesIO(b"left"), content_type="audio/wav"
    )

    assert sweep(queued.services).audio_deleted == 1

    assert not queued.is_stored(session_id)
    queued.deliver(session_id)
    detail = queued.detail(session_id)
    assert detail.row.status is Status.COMPLETED
    assert detail.insights
    assert len(queued.whisper.calls()) == 1
    assert len(queued.analyst.calls()) == 1


def test_objects_that_no_session_knows_are_deleted_once_they_are_old(world: World) -> None:
    orphan, kept = uuid4(), world.upload()
    for key in (audio_key(orphan), "audio/not-ours"):
        world.services.storage.put(key, io.BytesIO(b"x"), content_type="audio/wav")
    assert sweep(world.services).orphans_deleted == 0, "it may belong to an upload under way"
    world.clock.move(seconds=ORPHAN_AFTER.total_seconds() + 60)

    report = sweep(world.services)

    assert report.orphans_deleted >= 1
    assert not world.is_stored(orphan)
    assert world.is_stored(kept)
    assert _stored(world, "audio/not-ours"), "what we did not name we do not delete"
    world.services.storage.delete("audio/not-ours")


def _stored(world: World, key: str) -> bool:
    return any(stored.key == key for stored in world.services.storage.objects())


def test_a_session_under_work_keeps_its_audio(world: World) -> None:
    session_id: UUID = world.upload()
    with transaction(world.services.engine) as db:
        leases.claim(
            db,
            session_id,
            run_id=None,
            lease_seconds=timedelta(days=2).total_seconds(),
            now=world.clock(),
        )
    world.clock.move(hours=30)

    sweep(world.services)

    assert world.is_stored(session_id)
