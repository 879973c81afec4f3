"""The figures of the work say what is so, for the time that they are asked of."""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, text

from pipeline import figures, health, intake
from pipeline.database.engine import transaction
from pipeline.database.operations import SWEEPS_KEPT_FOR, UNPUBLISHED_AFTER
from pipeline.errors import AnalysisInvalid, AnalysisUnavailable
from pipeline.status import Scope, Stage
from pipeline.sweep import sweep
from pipeline.workload import MOST_FAILED, Window, Workload
from tests.pipeline.failed import silent, unread
from tests.world import NOWHERE, World


def workload(world: World, window: Window = Window.DAY) -> Workload:
    return figures.workload(world.services, window)


def execute(world: World, statement: str, **values: object) -> None:
    with transaction(world.services.engine) as db:
        db.execute(text(statement), values)


def test_where_nothing_was_done_nothing_is_claimed(world: World) -> None:
    found = workload(world)

    assert found.throughput.success_share is None
    assert found.throughput.stages == ()
    assert found.standing.oldest_waiting is None
    assert found.last_sweep is None
    assert figures.failures(world.services) == ()


def test_what_waits_is_counted_from_the_oldest(world: World) -> None:
    first = world.upload()
    world.upload()
    again = world.complete()
    intake.rerun(world.services, again, scope=Scope.ANALYSIS, requested_by="qa")

    standing = workload(world).standing

    assert (standing.waiting, standing.running, standing.between_attempts) == (3, 0, 0)
    assert standing.oldest_waiting == world.detail(first).runs[0].created_at


def test_what_the_queue_brings_again_is_neither_waiting_nor_failed(world: World) -> None:
    unread(world, retried=0)

    found = workload(world)

    assert (found.standing.waiting, found.standing.between_attempts) == (0, 1)
    assert found.throughput.failed == 0


def test_what_the_sweeper_should_have_done_is_told(world: World) -> None:
    world.upload()
    silent(world)
    assert (workload(world).standing.stuck, workload(world).standing.audio_overdue) == (0, 0)

    world.clock.move(seconds=UNPUBLISHED_AFTER.total_seconds() + 1)
    assert workload(world).standing.stuck == 1

    world.clock.move(hours=world.services.settings.audio_retention_hours)
    assert workload(world).standing.audio_overdue == 1
    sweep(world.services)
    assert workload(world).standing.audio_overdue == 0


def test_a_window_tells_of_what_ended_in_it(world: World) -> None:
    world.complete()
    silent(world)
    failed = unread(world, retried=0)
    world.deliver(failed, retried=1)
    execute(world, "UPDATE analyses SET cost_usd = 0.25 WHERE run_id IN (SELECT result_run_id "
                   "FROM sessions WHERE id = :id)", id=failed)  # fmt: skip

    done = workload(world, Window.HOUR).throughput

    assert (done.completed, done.failed, done.retries) == (2, 1, 1)
    assert done.success_share == pytest.approx(2 / 3)
    assert (done.spent, done.unpriced) == (Decimal("0.25"), 1), "the rules have no price"
    assert [stage.stage for stage in done.stages] == list(Stage)

    world.clock.move(hours=2)
    assert workload(world, Window.HOUR).throughput.completed == 0
    assert workload(world, Window.DAY).throughput == done
    world.clock.move(days=7)
    assert workload(world, Window.WEEK).throughput.completed == 0


def test_stages_last_until_the_next_event_of_their_run(world: World) -> None:
    session_id = world.upload()
    execute(world, "DELETE FROM session_events")
    now = world.clock()
    for number in range(20):
        for stage, status, after in (
            ("analyzing", "PROCESSING", 0),
            ("analyzing", "FAILED", number + 1),
        ):
            execute(
                world,
                "INSERT INTO session_events (session_id, at, to_status, stage, run_number, "
                "attempt, actor) VALUES (:id, :at, :status, :stage, :run, 1, 'queue')",
                id=session_id,
                at=now - timedelta(minutes=30) + timedelta(seconds=after),
                status=status,
                stage=stage,
                run=number,
            )

    (found,) = workload(world).throughput.stages

    assert (found.stage, found.count) == (Stage.ANALYZING, 20)
    assert (found.p50, found.p95) == pytest.approx((10.5, 19.05))
    assert not workload(world).throughput.is_sampled


def test_failures_are_grouped_with_what_another_run_may_mend(world: World) -> None:
    silent(world)
    unread(world)
    unread(world)
    unread(world, retried=0)
    world.analyst.misbehave(
        {"kind": "answer", "status": 200, "body": {"content": [], "model": "m", "stop_reason": "x",
         "usage": {"input_tokens": 1, "output_tokens": 1}}, "times": None}
    )  # fmt: skip
    invalid = world.upload()
    with pytest.raises(AnalysisInvalid):
        world.deliver(invalid)

    groups = {group.code: group for group in figures.failures(world.services)}

    assert list(groups) == ["ANALYSIS_UNAVAILABLE", "ANALYSIS_INVALID", "NO_SPEECH"]
    passing = groups["ANALYSIS_UNAVAILABLE"]
    assert (passing.count, passing.will_retry, passing.rerunnable) == (3, 1, 2)
    assert passing.sentence == AnalysisUnavailable.sentence
    assert groups["NO_SPEECH"].rerunnable == 0, "no retry makes silence speak"
    assert groups["ANALYSIS_INVALID"].rerunnable == 1
    assert figures.rerunnable(world.services, "ANALYSIS_INVALID") == (invalid,)
    for session_id in figures.rerunnable(world.services, "ANALYSIS_UNAVAILABLE"):
        intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    groups = {group.code: group for group in figures.failures(world.services)}
    assert groups["ANALYSIS_UNAVAILABLE"].rerunnable == 0, "another run is to come already"


def test_of_very_many_failures_the_newest_are_counted(world: World) -> None:
    oldest = silent(world)
    execute(
        world,
        "INSERT INTO sessions (id, learner_id, language, source, status, status_changed_at, "
        "created_at, error_code, error_message) SELECT uuidv7(), learner_id, language, source, "
        "status, status_changed_at, created_at, 'INTERNAL', error_message FROM sessions, "
        "generate_series(1, :many) WHERE id = :id",
        many=MOST_FAILED,
        id=oldest,
    )

    (group,) = figures.failures(world.services)

    assert (group.code, group.count) == ("INTERNAL", MOST_FAILED)


def test_what_has_neither_transcript_nor_recording_cannot_be_retried(world: World) -> None:
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}, "times": None})
    session_id = world.upload()
    with pytest.raises(Exception, match="transcription service"):
        world.deliver(session_id, retried=3)
    assert figures.rerunnable(world.services, "TRANSCRIPTION_UNAVAILABLE") == (session_id,)

    world.clock.move(hours=world.services.settings.audio_retention_hours + 1)
    sweep(world.services)

    assert figures.rerunnable(world.services, "TRANSCRIPTION_UNAVAILABLE") == ()


def test_no_day_is_left_out(world: World) -> None:
    world.complete()
    silent(world)
    world.upload()
    world.clock.move(days=3)

    days = figures.volumes(world.services)

    assert len(days) == figures.DAYS
    assert days[-1].day == world.clock().astimezone(UTC).date()
    assert [day.total for day in days[-4:]] == [3, 0, 0, 0]
    assert (days[-4].completed, days[-4].failed, days[-4].under_way) == (1, 1, 1)


def test_the_last_sweep_is_told_and_those_of_a_week_are_kept(world: World) -> None:
    world.upload()
    world.clock.move(minutes=1)
    sweep(world.services)

    last = workload(world).last_sweep

    assert last
    assert last.did["failures"] == 1, "the queue of this world answers nobody"
    assert 0 <= last.took_seconds < 60
    world.clock.move(seconds=SWEEPS_KEPT_FOR.total_seconds() + 1)
    sweep(world.services)
    with transaction(world.services.engine) as db:
        assert db.execute(text("SELECT count(*) FROM sweeps")).scalar() == 1


def test_the_number_of_queries_does_not_grow_with_the_work(world: World) -> None:
    asked: list[str] = []
    event.listen(
        world.services.engine,
        "before_cursor_execute",
        lambda *arguments: asked.append(arguments[2]),
    )

    def count() -> int:
        asked.clear()
        workload(world, Window.WEEK)
        figures.failures(world.services)
        figures.volumes(world.services)
        return len(asked)

    empty = count()
    world.complete()
    for _ in range(2):
        silent(world)

    assert count() == empty


def test_vendors_are_asked_whether_they_know_our_key_and_model(world: World) -> None:
    world.whisper.behave()
    assert health.check_vendors(world.services) == {"transcription": None, "analysis": None}

    strange = world.with_settings(whisper_model="whisper-9", claude_model="claude-9")
    assert health.check_vendors(strange.services) == {
        "transcription": "The transcription service is not available right now.",
        "analysis": "The analysis service is not available right now.",
    }


def test_a_part_that_hangs_is_waited_for_as_long_as_is_allowed(world: World) -> None:
    world.analyst.misbehave({"kind": "hang", "seconds": 30, "times": None})
    begun = time.monotonic()

    answers = health.check_vendors(world.services, seconds=1)

    assert time.monotonic() - begun < 20
    assert answers == {"transcription": None, "analysis": "The analysis did not answer in time."}


def test_each_part_is_told_on_its_own(world: World) -> None:
    answers = health.check(world.with_settings(r2_endpoint_url=NOWHERE).services)

    assert answers["database"] is None
    assert answers["storage"]
    assert answers["queue"], "the queue of this world answers nobody"
