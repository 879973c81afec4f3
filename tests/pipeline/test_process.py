"""One delivery, top to bottom: what it leaves behind, and where the next one goes on."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from pipeline import consenting, direct_upload, intake, removal
from pipeline.consent import Consents
from pipeline.errors import (
    AnalysisUnavailable,
    AudioGone,
    AudioMissing,
    AudioNotDeleted,
    AudioTooLong,
    ConfigurationMissing,
    NoSpeech,
    NotFound,
    RostrumError,
    TranscriptionRejected,
    TranscriptionUnavailable,
)
from pipeline.queue import RETRIES
from pipeline.status import Outcome, Scope, Stage, Status
from pipeline.storage import audio_key
from tests.logged import logged_as_json
from tests.pipeline.failed import silent, unread
from tests.talks import LINES, tone, verbose_json
from tests.world import NOWHERE, World


def answer(status: int, *, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"kind": "answer", "status": status, "body": body or {"error": {"message": "x"}}, **more}


def fault(world: World, error: type[RostrumError], **more: Any) -> RostrumError:
    """Deliver a new session that must end in this error."""
    session_id = world.upload()
    with pytest.raises(error) as raised:
        world.deliver(session_id, **more)
    return raised.value


def test_a_delivery_takes_an_uploaded_session_to_completed(world: World) -> None:
    session_id = world.upload(title="My talk")

    done = world.deliver(session_id)

    detail = world.detail(session_id)
    assert not done.duplicate
    assert detail.row.status is Status.COMPLETED
    assert detail.row.stage is None
    assert detail.row.error is None
    assert detail.row.audio_deleted_at is not None
    assert not world.is_stored(session_id)
    assert detail.transcript is not None
    assert detail.transcript.text == " ".join(LINES)
    assert detail.summary
    assert detail.focus_next
    assert detail.strengths


def test_insights_come_by_severity_and_each_quote_stands_at_its_place(world: World) -> None:
    detail = world.detail(world.complete())

    ranks = [("high", "medium", "low").index(insight.severity) for insight in detail.insights]
    assert ranks == sorted(ranks)
    assert detail.insights
    assert detail.transcript is not None
    for insight in detail.insights:
        assert insight.examples
        for quote in insight.examples:
            slice_ = detail.transcript.text[quote.start_offset : quote.end_offset]
            assert quote.text == slice_
            assert quote.start is not None


def test_the_run_tells_model_prompt_tokens_and_the_time_of_each_stage(world: World) -> None:
    (run,) = world.detail(world.complete()).runs

    assert run.outcome is Outcome.COMPLETED
    assert run.attempts == 1
    assert run.model == "rostrum-rules-1"
    assert run.prompt_version is not None
    assert run.prompt_version.startswith(f"{world.services.settings.prompt_version}-")
    assert run.input_tokens
    assert run.output_tokens
    assert run.cost_usd is None, "the price of a model that is not listed is unknown, not 0"
    assert set(run.stage_seconds) == {str(stage) for stage in Stage}


def test_every_change_of_status_and_stage_is_an_event(world: World) -> None:
    events = world.detail(world.complete()).events

    assert [(e.from_status, e.to_status, e.stage) for e in events] == [
        (None, Status.CREATED, None),
        (Status.CREATED, Status.UPLOADED, None),
        (Status.UPLOADED, Status.PROCESSING, Stage.DOWNLOADING),
        (Status.PROCESSING, Status.PROCESSING, Stage.TRANSCRIBING),
        (Status.PROCESSING, Status.PROCESSING, Stage.DELETING_AUDIO),
        (Status.PROCESSING, Status.PROCESSING, Stage.ANALYZING),
        (Status.PROCESSING, Status.PROCESSING, Stage.STORING),
        (Status.PROCESSING, Status.COMPLETED, None),
    ]
    assert [e.actor for e in events[:2]] == ["upload", "upload"]
    assert {e.actor for e in events[2:]} == {"queue"}
    assert {(e.run, e.attempt) for e in events[2:]} == {(1, 1)}


def test_a_duplicate_delivery_of_a_completed_session_changes_nothing(world: World) -> None:
    session_id = world.complete()
    before = world.detail(session_id)

    assert world.deliver(session_id).duplicate
    assert world.detail(session_id) == before


def test_a_message_of_an_older_run_is_a_duplicate(world: World) -> None:
    session_id = world.complete()
    first_run = world.detail(session_id).runs[0].id
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")

    assert world.deliver(session_id, run_id=first_run).duplicate
    assert world.detail(session_id).runs[-1].attempts == 0


def test_an_unknown_session_is_not_found(world: World) -> None:
    session_id = world.upload()
    removal.delete_session(world.services, session_id)

    with pytest.raises(NotFound):
        world.deliver(session_id)


def test_a_session_that_was_announced_but_never_uploaded_has_no_audio(world: World) -> None:
    announced = direct_upload.presign(
        world.services, user_id="x", content_type="audio/wav", size_bytes=10
    )

    with pytest.raises(AudioMissing):
        world.deliver(announced.session_id)
    assert world.detail(announced.session_id).row.status is Status.CREATED


def test_a_failure_is_recorded_with_code_and_sentence_and_cleared_by_success(
    world: World,
) -> None:
    world.whisper.misbehave(answer(500))
    session_id = world.upload()
    with pytest.raises(TranscriptionUnavailable):
        world.deliver(session_id)

    failed = world.detail(session_id)
    assert failed.row.status is Status.FAILED
    assert failed.row.stage is Stage.TRANSCRIBING
    assert failed.row.error is not None
    assert failed.row.error.code == "TRANSCRIPTION_UNAVAILABLE"
    assert failed.row.error.retryable
    assert failed.row.error.will_retry
    assert failed.insights == ()

    world.says(verbose_json())
    world.deliver(session_id, retried=1)

    completed = world.detail(session_id)
    assert completed.row.status is Status.COMPLETED
    assert completed.row.error_message is None
    assert completed.runs[0].attempts == 2


def test_the_last_delivery_that_fails_will_not_be_retried(world: World) -> None:
    world.whisper.misbehave(answer(500, times=None))
    session_id = world.upload()
    for retried in range(RETRIES + 1):
        with pytest.raises(TranscriptionUnavailable):
            world.deliver(session_id, retried=retried)

    row = world.detail(session_id).row
    assert row.error is not None
    assert not row.error.will_retry
    assert world.detail(session_id).runs[0].outcome is Outcome.FAILED


def test_a_permanent_failure_ends_the_run_and_keeps_the_audio_for_a_rerun(world: World) -> None:
    world.whisper.misbehave(answer(400))
    session_id = world.upload()
    with pytest.raises(TranscriptionRejected):
        world.deliver(session_id)

    detail = world.detail(session_id)
    assert detail.row.error is not None
    assert not detail.row.error.will_retry
    assert detail.runs[0].outcome is Outcome.FAILED
    assert world.is_stored(session_id)

    world.says(verbose_json())
    intake.rerun(world.services, session_id, scope=Scope.FULL, requested_by="qa")
    world.deliver(session_id)
    assert world.detail(session_id).row.status is Status.COMPLETED


def test_a_duplicate_of_a_given_up_run_with_nothing_left_to_work_from_changes_nothing(
    world: World,
) -> None:
    """What went wrong stays said: that the recording is gone now is only what followed."""
    agreed = Consents(audio_storage=False, transcript_storage=False)
    consenting.write(world.services, "learner-1", agreed)
    given_up = {silent(world): "NO_SPEECH", unread(world): "ANALYSIS_UNAVAILABLE"}

    for session_id, code in given_up.items():
        assert not world.is_stored(session_id)
        before = world.detail(session_id)
        assert world.deliver(session_id, run_id=before.runs[0].id).duplicate
        assert world.deliver(session_id).duplicate
        assert world.detail(session_id) == before
        assert before.row.error is not None
        assert before.row.error.code == code
        with pytest.raises(AudioGone):
            intake.rerun(world.services, session_id, scope=Scope.FULL)


def test_a_given_up_run_is_worked_on_again_while_there_is_something_to_work_from(
    world: World,
) -> None:
    """Whoever retries its message in QStash's own console gets what they ask for."""
    session_id = unread(world)
    assert world.detail(session_id).runs[0].outcome is Outcome.FAILED

    assert not world.deliver(session_id).duplicate

    assert world.detail(session_id).row.status is Status.COMPLETED


def test_analysis_resumes_from_the_stored_transcript(world: World) -> None:
    world.analyst.misbehave(answer(500))
    session_id = world.upload()
    with pytest.raises(AnalysisUnavailable):
        world.deliver(session_id)
    assert not world.is_stored(session_id), "the transcript is safe, so the audio is gone"

    world.deliver(session_id, retried=1)

    assert world.detail(session_id).row.status is Status.COMPLETED
    assert len(world.whisper.calls()) == 1
    assert len(world.analyst.calls()) == 2


def test_audio_that_cannot_be_deleted_keeps_the_results_waiting(world: World) -> None:
    """The results are there, but COMPLETED waits until the audio is gone."""
    session_id = world.upload()

    client = world.services.storage._client  # noqa: SLF001 - a real fault: the event system
    refuse = _refuse_deletes(client)
    with pytest.raises(AudioNotDeleted):
        world.deliver(session_id)
    failed = world.detail(session_id)
    assert failed.row.status is Status.FAILED
    assert failed.row.error is not None
    assert failed.row.error.will_retry
    assert failed.insights == (), "nothing of a run that has not succeeded is shown"

    refuse.clear()
    world.deliver(session_id, retried=1)

    assert world.detail(session_id).row.status is Status.COMPLETED
    assert not world.is_stored(session_id)
    assert len(world.whisper.calls()) == 1
    assert len(world.analyst.calls()) == 1, "an answer that was paid for is kept"


def _refuse_deletes(client: Any) -> set[str]:
    """Send deletes to a port where nobody listens, by boto3's own hook, while the set is full."""
    on = {"yes"}

    def elsewhere(request: Any, **_: Any) -> None:
        if on:
            request.url = f"{NOWHERE}/gone"

    client.meta.events.register("before-send.s3.DeleteObject", lambda **_: None)
    client.meta.events.register("before-sign.s3.DeleteObject", elsewhere)
    return on


def test_a_missing_variable_is_named_and_a_retry_works_once_it_is_set(world: World) -> None:
    poor = world.with_settings(anthropic_api_key=None)
    session_id = world.upload()

    with pytest.raises(ConfigurationMissing, match="ANTHROPIC_API_KEY"):
        poor.deliver(session_id)
    row = world.detail(session_id).row
    assert row.error is not None
    assert (row.error.code, row.error.retryable) == ("CONFIGURATION", True)

    world.deliver(session_id, retried=1)
    assert world.detail(session_id).row.status is Status.COMPLETED


def test_a_recording_that_vanished_from_storage_is_missing_for_good(world: World) -> None:
    session_id = world.upload()
    world.services.storage.delete(audio_key(session_id))

    with pytest.raises(AudioMissing):
        world.deliver(session_id)
    row = world.detail(session_id).row
    assert row.error is not None
    assert not row.error.retryable


def test_silence_throughout_is_no_speech_and_costs_no_transcription(world: World) -> None:
    session_id = world.upload(audio=tone(silent=True))

    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    assert world.whisper.calls() == []


@pytest.mark.parametrize(
    "heard",
    [
        verbose_json(("Thank you for watching this.",), no_speech_prob=0.9, avg_logprob=-1.4),
        {**verbose_json(()), "text": ""},
    ],
)
def test_what_whisper_invents_in_silence_is_no_speech(world: World, heard: dict[str, Any]) -> None:
    world.says(heard)

    fault(world, NoSpeech)
    assert world.analyst.calls() == []


def test_a_recording_longer_than_allowed_fails_for_good(world: World) -> None:
    strict = world.with_settings(max_audio_minutes=1)
    session_id = world.upload(audio=tone(61))

    with pytest.raises(AudioTooLong):
        strict.deliver(session_id)


def test_a_transcript_without_times_goes_all_the_way_and_says_less(world: World) -> None:
    untimed = world.with_settings(whisper_model="gpt-transcribe")
    world.says({"text": " ".join(LINES), "usage": {"type": "duration", "seconds": 48}})
    session_id = world.upload(audio=tone(40))
    untimed.deliver(session_id)

    detail = world.detail(session_id)
    assert detail.row.status is Status.COMPLETED
    assert detail.transcript is not None
    assert all(segment.estimated for segment in detail.transcript.segments)
    starts = [segment.start for segment in detail.transcript.segments]
    assert starts == sorted(starts)  # type: ignore[type-var] # estimates, none is absent
    assert detail.transcript.segments[-1].end == pytest.approx(40, abs=0.5)
    assert all(q.start is None for insight in detail.insights for q in insight.examples)
    assert "pace_variation" not in {metric.name for metric in detail.metrics}
    assert detail.metrics_note is not None


def test_each_stage_is_logged_as_it_begins_and_a_failure_with_its_code(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the work, not after its success: a stage that hangs or dies is seen in the log."""
    caplog.set_level(logging.INFO, "pipeline")
    world.whisper.misbehave(answer(500))

    session_id = world.upload()
    with logged_as_json() as written, pytest.raises(TranscriptionUnavailable):
        world.deliver(session_id)

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    told = [line for line in lines if line["logger"] == "pipeline.process"]
    assert [(line["event"], line.get("stage"), line.get("code")) for line in told] == [
        ("session_claimed", None, None),
        ("stage_entered", "transcribing", None),
        ("session_failed", None, "TRANSCRIPTION_UNAVAILABLE"),
    ]
    assert {line["session"] for line in told} == {str(session_id)}
    assert {line["attempt"] for line in told} == {1}
