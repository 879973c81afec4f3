"""One delivery, top to bottom: claim, transcribe, delete the audio, analyse, complete.

Each step looks first whether its result is already there, so an attempt resumes where the
last one stopped. No connection is held while storage, Whisper or Claude is waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from pipeline import listening, notify, retention, tracing
from pipeline.analyze.judgement import judge
from pipeline.database import leases, profiles, results, sessions, summaries
from pipeline.database import retention as kept
from pipeline.database.engine import transaction
from pipeline.database.leases import Lease
from pipeline.errors import (
    AudioMissing,
    AudioNotDeleted,
    Interrupted,
    LeaseHeld,
    NotFound,
    RostrumError,
    StorageUnavailable,
    TimedOut,
    Unforeseen,
)
from pipeline.heartbeat import beating
from pipeline.log_lines import bound
from pipeline.queue import LONGEST_RETRY_DELAY_SECONDS, RETRIES
from pipeline.services import Services
from pipeline.speech.metrics import measure
from pipeline.speech.transcript import Transcript
from pipeline.status import Outcome, Stage, Status
from pipeline.watch import Watch
from pipeline.workspace import workspace

# How long each vendor may take, in seconds, whatever its client's own timeouts make of it; the
# delivery as a whole ends after `Settings.delivery_seconds`.
DOWNLOAD_SECONDS = 120.0
TRANSCRIPTION_SECONDS = 600.0
DELETION_SECONDS = 30.0
ANALYSIS_SECONDS = 240.0
"""Two rounds: the question and its repair."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the queue."""

    session_id: UUID
    run_id: UUID | None
    """None means the newest run."""
    retried: int
    """How many deliveries of this message came before."""
    received_at: float = field(default_factory=time.monotonic)
    """By the clock of `time.monotonic`: the queue waits for its answer from then on."""


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery has nothing left to do."""

    duplicate: bool
    """The work had been done, was given up with nothing left to work from, or belongs to an older
    run."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What each step of a delivery works with."""

    services: Services
    lease: Lease
    watch: Watch


def process_session(services: Services, delivery: Delivery) -> Done:
    """Process one delivery; a failure is recorded on the session, then raised.

    Raises:
        NotFound: the session does not exist, or was deleted meanwhile.
        LeaseHeld: another worker is busy with it, or took over.
        Interrupted: the process is to end; nothing failed, and the lease is given back.
        Transient: worth another delivery.
        Permanent: no retry can mend it.
    """
    ends_at = delivery.received_at + services.settings.delivery_seconds
    with services.watches.keeping(ends_at=ends_at) as watch:
        lease = _claim(services, delivery)
        if lease is None:
            return Done(duplicate=True)
        ids = _ids(lease)
        with bound(**ids), tracing.span("delivery", **ids), beating(services, lease, watch):
            log.info("session_claimed")
            _finish_or_record(_Work(services, lease, watch), delivery)
    return Done(duplicate=False)


def _finish_or_record(work: _Work, delivery: Delivery) -> None:
    try:
        _finish(work)
    except (LeaseHeld, NotFound) as error:
        # Not ours any more: there is nothing to record.
        if isinstance(error, LeaseHeld):
            work.services.meters.lost_lease()
        raise
    except Interrupted as error:
        _hand_back(work, error)
        raise
    except RostrumError as error:
        _record_failure(work, error, delivery)
        raise
    except Exception:
        _record_failure(work, Unforeseen(), delivery)
        raise


def _finish(work: _Work) -> None:
    transcript = _stored_transcript(work) or _transcribe(work)
    with suppress(AudioNotDeleted):
        # Results come first: it is tried again once they are there.
        work = _without_audio(work)
    if not _is_analyzed(work):
        _analyze(work, transcript)
    _complete(_without_audio(work), transcript)


def _claim(services: Services, delivery: Delivery) -> Lease | None:
    """The lease, or None where nothing is left to do."""
    with transaction(services.engine) as db:
        lease = leases.claim(
            db,
            delivery.session_id,
            run_id=delivery.run_id,
            lease_seconds=services.settings.lease_seconds,
            now=services.now(),
        )
    if lease is None:
        _explain_lost_claim(services, delivery)
        return None
    return lease


def _explain_lost_claim(services: Services, delivery: Delivery) -> None:
    """Return for a duplicate or a stale message; raise for everything else."""
    with transaction(services.engine) as db:
        session = sessions.find(db, delivery.session_id)
        run = sessions.find_run(db, session.run_id) if session and session.run_id else None
    if session is None:
        raise NotFound
    if session.status == Status.CREATED:
        raise AudioMissing
    stale = delivery.run_id is not None and delivery.run_id != session.run_id
    given_up = run is not None and run.outcome == Outcome.FAILED
    if stale or given_up or session.result_run_id == session.run_id:
        return
    left = 0.0
    if session.lease_expires_at is not None:
        left = (session.lease_expires_at - services.now()).total_seconds()
    raise LeaseHeld(retry_after=max(left, 1.0))


def _enter(work: _Work, stage: Stage) -> None:
    """Say what is done now, before it is done."""
    services = work.services
    with transaction(services.engine) as db:
        leases.enter(db, work.lease, stage, now=services.now())
    log.info("stage_entered", extra={"stage": str(stage)})


@contextmanager
def _measured(work: _Work, stage: Stage) -> Iterator[None]:
    """Time a stage, and make it a step of the trace."""
    with work.services.meters.stage(stage), tracing.span(f"stage {stage}"):
        yield


@contextmanager
def _stage(work: _Work, stage: Stage) -> Iterator[None]:
    """Say that a stage is entered, then measure it."""
    _enter(work, stage)
    with _measured(work, stage):
        yield


def _stored_transcript(work: _Work) -> Transcript | None:
    if work.lease.transcript_id is None:
        return None
    with transaction(work.services.engine) as db:
        return results.transcript_of(db, work.lease.transcript_id)


def _transcribe(work: _Work) -> Transcript:
    """Fetch, level, cut, transcribe; the transcript is committed before the audio may go."""
    services, lease, watch = work.services, work.lease, work.watch
    key = lease.audio_key
    if key is None:
        raise AudioMissing
    with workspace() as folder:
        recording = folder / "recording"
        # The claim has entered this stage already.
        with _measured(work, Stage.DOWNLOADING):
            watch.within(
                DOWNLOAD_SECONDS,
                "The audio storage",
                lambda: services.storage.fetch(key, recording),
            )
        with _stage(work, Stage.TRANSCRIBING):
            transcript = watch.within(
                TRANSCRIPTION_SECONDS,
                "The transcription service",
                lambda: listening.hear(services, lease, recording, may_go_on=watch.check),
            )
    with transaction(services.engine) as db:
        results.keep_transcript(db, lease, transcript, now=services.now())
    services.meters.transcribed(transcript.duration)
    return transcript


def _without_audio(work: _Work) -> _Work:
    """Delete the recording.

    Raises:
        AudioNotDeleted: not now; it asks for as long a wait as the storage did.
    """
    services, lease = work.services, work.lease
    key = lease.audio_key
    if key is None:
        return work
    try:
        with _stage(work, Stage.DELETING_AUDIO):
            work.watch.within(
                DELETION_SECONDS, "The audio storage", lambda: services.storage.delete(key)
            )
    except (StorageUnavailable, TimedOut) as error:
        log.warning("audio_not_deleted", extra={"code": error.code})
        raise AudioNotDeleted(retry_after=error.retry_after) from error
    with transaction(services.engine) as db:
        leases.guard(db, lease, audio_deleted_at=services.now())
        sessions.drop_parts(db, lease.session_id)
    return replace(work, lease=replace(lease, audio_key=None))


def _is_analyzed(work: _Work) -> bool:
    if work.lease.transcript_id is None:
        # It was heard just now.
        return False
    with transaction(work.services.engine) as db:
        return results.has_judgement(db, work.lease.run_id)


def _analyze(work: _Work, transcript: Transcript) -> None:
    """Ask Claude, prove each quote, and commit what stands: it is paid for."""
    services = work.services
    with _stage(work, Stage.ANALYZING):
        reading = work.watch.within(
            ANALYSIS_SECONDS, "The analysis service", lambda: services.analyst.analyze(transcript)
        )
        judgement = judge(reading, transcript)
    with transaction(services.engine) as db:
        results.keep_judgement(db, work.lease, judgement, now=services.now())
    services.meters.analyzed(asdict(reading.tokens), reading.cost_usd)


def _complete(work: _Work, transcript: Transcript) -> None:
    """Metrics, insights, profile, outcome and status: all in one transaction, or none.

    Words that its learner does not agree to have kept go in the same one.
    """
    services, lease = work.services, work.lease
    with _stage(work, Stage.STORING):
        measurement = measure(transcript, services.settings.bands)
        with transaction(services.engine) as db:
            leases.complete(db, lease, now=services.now())
            results.publish_results(db, lease, measurement)
            summaries.refresh(db, lease.session_id)
            profiles.refresh(db, lease.learner_id)
            kept.settle(db, lease.session_id, now=services.now())
    log.info("session_completed")
    _tell(work)


def _hand_back(work: _Work, error: Interrupted) -> None:
    services = work.services
    with transaction(services.engine) as db:
        leases.hand_back(db, work.lease, error, now=services.now())
    log.info("session_handed_back")


def _record_failure(work: _Work, error: RostrumError, delivery: Delivery) -> None:
    services, now = work.services, work.services.now()
    due = _retry_due(error, now) if error.retryable and delivery.retried < RETRIES else None
    with transaction(services.engine) as db:
        leases.fail(db, work.lease, error, retry_due_at=due, now=now)
        if due is None:
            kept.settle(db, work.lease.session_id, now=now)
    services.meters.failed(error.code, will_retry=due is not None)
    log.warning("session_failed", extra={"code": error.code, "will_retry": due is not None})
    if due is None:
        retention.let_audio_go(services, work.lease.session_id)
        _tell(work)


def _tell(work: _Work) -> None:
    """Tell the company's app at once; what it does not take now the sweeper tells it later."""
    try:
        notify.tell(work.services, run_id=work.lease.run_id)
    except RostrumError as error:
        log.warning("notice_not_told", extra={"code": error.code})


def _retry_due(error: RostrumError, now: datetime) -> datetime:
    """When the queue brings the message again at the latest."""
    wait = LONGEST_RETRY_DELAY_SECONDS if error.retry_after is None else error.retry_after
    return now + timedelta(seconds=wait)


def _ids(lease: Lease) -> dict[str, str | int]:
    """What each log line and the trace of a delivery name: never content."""
    return {
        "session": str(lease.session_id),
        "run": str(lease.run_id),
        "attempt": lease.attempt,
    }
