"""Two workers, one session: the lease, its fencing token, and what lands together."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipeline import removal
from pipeline.database.engine import transaction
from pipeline.errors import Interrupted, LeaseHeld, NotFound, TimedOut
from pipeline.process import Delivery, process_session
from pipeline.queue import RETRIES
from pipeline.status import Stage, Status
from pipeline.workspace import PREFIX
from tests.backend.live import eventually
from tests.pipeline.test_process import answer
from tests.talks import LINES, verbose_json
from tests.world import World


def test_of_two_deliveries_at_once_one_works_and_the_other_is_told_to_wait(world: World) -> None:
    session_id = world.upload()
    world.whisper.misbehave(
        answer(200, body=verbose_json(), seconds=1.5, times=1),
    )
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(world.deliver, session_id) for _ in range(2)]
        errors = [attempt.exception() for attempt in both]

    held = [error for error in errors if error]
    assert len(held) == 1
    assert isinstance(held[0], LeaseHeld)
    assert held[0].retry_after is not None
    assert 0 < held[0].retry_after <= world.services.settings.lease_seconds
    assert world.detail(session_id).row.status is Status.COMPLETED
    assert len(world.whisper.calls()) == 1


def test_a_worker_that_lost_its_lease_writes_nothing(world: World) -> None:
    """The first worker hangs beyond its lease; the second takes over; the first wakes up."""
    session_id = world.upload()
    slow = answer(200, body=verbose_json(("One two three from the slow worker.",)), seconds=2)
    world.whisper.misbehave(slow, answer(200, body=verbose_json(), times=None))
    first: list[BaseException | None] = []

    def hang() -> None:
        try:
            process_session(world.services, Delivery(session_id, None, 0))
        except LeaseHeld as error:
            first.append(error)

    worker = threading.Thread(target=hang)
    worker.start()
    _wait_for_stage(world, session_id, Stage.TRANSCRIBING)
    # The slow answer is for the first worker, which decodes the recording before it asks.
    eventually(world.whisper.calls)
    world.clock.move(seconds=world.services.settings.lease_seconds + 1)
    world.deliver(session_id, retried=1)
    worker.join()

    detail = world.detail(session_id)
    assert len(first) == 1
    assert detail.row.status is Status.COMPLETED
    assert detail.transcript is not None
    assert detail.transcript.text == " ".join(LINES)
    assert detail.runs[0].attempts == 2


def _wait_for_stage(world: World, session_id: Any, stage: Stage) -> None:
    wait = threading.Event()
    for _ in range(200):
        if world.detail(session_id).row.stage is stage:
            return
        wait.wait(0.02)
    pytest.fail(f"the session never reached {stage}")


def test_a_session_deleted_while_it_is_processed_stops_the_worker(world: World) -> None:
    session_id = world.upload()
    world.whisper.misbehave(answer(200, body=verbose_json(), seconds=1.0, times=1))
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(world.deliver, session_id)
        _wait_for_stage(world, session_id, Stage.TRANSCRIBING)
        removal.delete_session(world.services, session_id)
        assert isinstance(working.exception(), NotFound)

    assert not world.is_stored(session_id)
    assert len(world.analyst.calls()) == 0


@pytest.mark.parametrize("act", ["delete the session", "erase the learner"])
def test_a_worker_notices_a_deletion_while_the_vendor_keeps_it_waiting(
    world: World, act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops with the next heartbeat, not when the vendor has answered."""
    # Apart from the workers of other tests that run at the same time.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    quick = world.with_settings(lease_seconds=1)
    session_id = quick.upload("ann")
    world.whisper.misbehave(answer(200, body=verbose_json(), seconds=60, times=1))
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(quick.deliver, session_id)
        _wait_for_stage(world, session_id, Stage.TRANSCRIBING)
        if act == "delete the session":
            removal.delete_session(world.services, session_id)
        else:
            removal.erase_learner(world.services, "ann")
        assert isinstance(working.exception(), NotFound)

    assert time.monotonic() - begun < 30
    assert not world.is_stored(session_id)
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_a_stage_that_outlasts_the_delivery_is_a_timeout_and_is_tried_again(world: World) -> None:
    hurried = world.with_settings(delivery_seconds=2)
    session_id = world.upload()
    world.whisper.misbehave({"kind": "hang"}, answer(200, body=verbose_json(), times=None))

    with pytest.raises(TimedOut, match="The transcription service did not answer in time"):
        hurried.deliver(session_id)

    row = world.detail(session_id).row
    assert row.error is not None
    assert (row.error.code, row.error.will_retry) == ("TIMEOUT", True)
    # On a busy machine the time may run out before the service was asked: it waits to hang still.
    world.says(verbose_json())
    world.deliver(session_id, retried=1)
    assert world.detail(session_id).row.status is Status.COMPLETED


def test_a_delivery_that_is_interrupted_gives_its_lease_back_and_the_next_goes_on_at_once(
    world: World,
) -> None:
    session_id = world.upload()
    world.analyst.misbehave({"kind": "hang"})
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(world.deliver, session_id, retried=RETRIES)
        _wait_for_stage(world, session_id, Stage.ANALYZING)
        world.services.watches.interrupt()
        assert isinstance(working.exception(), Interrupted)

    handed = world.detail(session_id)
    assert handed.row.status is Status.PROCESSING
    assert handed.row.error is None
    assert handed.events[-1].error_code == "INTERRUPTED"
    assert handed.runs[0].outcome is None
    # The stop may have come before the analyst was asked: then it waits to hang still.
    world.analyst.behave()
    world.deliver(session_id)
    assert world.detail(session_id).row.status is Status.COMPLETED
    assert len(world.whisper.calls()) == 1


def test_results_profile_and_status_land_together_or_not_at_all(world: World) -> None:
    """The commit itself fails: nothing of the results may be seen."""
    with transaction(world.services.engine) as db:
        db.execute(
            text("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON pattern_profiles
              DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
            """)
        )
    session_id = world.upload()
    with pytest.raises(Exception, match="refused at commit"):
        world.deliver(session_id)

    failed = world.detail(session_id)
    assert failed.row.status is Status.FAILED
    assert failed.row.error is not None
    assert failed.row.error.code == "INTERNAL"
    assert "refused" not in failed.row.error.message
    assert failed.insights == ()
    assert failed.metrics == ()

    with transaction(world.services.engine) as db:
        db.execute(text("DROP TRIGGER refuse ON pattern_profiles"))
    world.deliver(session_id, retried=1)
    assert world.detail(session_id).row.status is Status.COMPLETED
    assert len(world.analyst.calls()) == 1
