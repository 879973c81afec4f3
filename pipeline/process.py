"""One delivery, top to bottom: claim, transcribe, delete the audio, analyse, complete.

Each step looks first whether its result is already there, so an attempt resumes where the
last one stopped. No connection is held while storage, Whisper or Claude is waited for.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from pipeline import audio
from pipeline.analyze import evidence
from pipeline.analyze.price import cost_usd
from pipeline.analyze.schema import SCHEMA_VERSION
from pipeline.database import leases, profiles, results, sessions
from pipeline.database.engine import transaction
from pipeline.database.leases import Lease
from pipeline.errors import (
    AudioMissing,
    AudioNotDeleted,
    LeaseHeld,
    NoSpeech,
    NotFound,
    RostrumError,
    StorageUnavailable,
    Unforeseen,
)
from pipeline.finding import Judgement
from pipeline.heartbeat import beating
from pipeline.queue import RETRIES
from pipeline.services import Services
from pipeline.speech.metrics import measure
from pipeline.speech.transcript import Transcript
from pipeline.status import Stage, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the queue."""

    session_id: UUID
    run_id: UUID | None
    """None means the newest run."""
    retried: int
    """How many deliveries of this message came before."""


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery has nothing left to do."""

    duplicate: bool
    """The work had been done, or belongs to an older run."""


def process_session(services: Services, delivery: Delivery) -> Done:
    """Process one delivery; a failure is recorded on the session, then raised.

    Raises:
        NotFound: the session does not exist, or was deleted meanwhile.
        LeaseHeld: another worker is busy with it, or took over.
        Transient: worth another delivery.
        Permanent: no retry can mend it.
    """
    lease = _claim(services, delivery)
    if lease is None:
        return Done(duplicate=True)
    with beating(services, lease):
        try:
            _work(services, lease)
        except (LeaseHeld, NotFound):
            # Not ours any more: there is nothing to record.
            raise
        except RostrumError as error:
            _record_failure(services, lease, error, delivery)
            raise
        except Exception:
            _record_failure(services, lease, Unforeseen(), delivery)
            raise
    return Done(duplicate=False)


def _work(services: Services, lease: Lease) -> None:
    transcript = _stored_transcript(services, lease) or _transcribe(services, lease)
    if lease.audio_key is not None:
        _enter(services, lease, Stage.DELETING_AUDIO)
        lease = _delete_audio(services, lease)
    if not _is_analyzed(services, lease):
        _analyze(services, lease, transcript)
    if lease.audio_key is not None:
        lease = _delete_audio(services, lease)
    if lease.audio_key is not None:
        raise AudioNotDeleted
    _complete(services, lease, transcript)


def _claim(services: Services, delivery: Delivery) -> Lease | None:
    """The lease, or None where nothing is left to do."""
    with transaction(services.engine) as db:
        session = sessions.find(db, delivery.session_id)
        if session is None:
            raise NotFound
        run = sessions.find_run(db, session.run_id) if session.run_id else None
        lease = leases.claim(
            db,
            delivery.session_id,
            run_id=delivery.run_id,
            stage=Stage.ANALYZING if run and run.transcript_id else Stage.DOWNLOADING,
            lease_seconds=services.settings.lease_seconds,
            now=services.now(),
        )
    if lease is None:
        _explain_lost_claim(services, delivery)
        return None
    log.info("session_claimed", extra=_ids(lease))
    return lease


def _explain_lost_claim(services: Services, delivery: Delivery) -> None:
    """Return for a duplicate or a stale message; raise for everything else."""
    with transaction(services.engine) as db:
        session = sessions.find(db, delivery.session_id)
    if session is None:
        raise NotFound
    if session.status == Status.CREATED:
        raise AudioMissing
    stale = delivery.run_id is not None and delivery.run_id != session.run_id
    if stale or session.result_run_id == session.run_id:
        return
    left = 0.0
    if session.lease_expires_at is not None:
        left = (session.lease_expires_at - services.now()).total_seconds()
    raise LeaseHeld(retry_after=max(left, 1.0))


def _enter(services: Services, lease: Lease, stage: Stage) -> None:
    with transaction(services.engine) as db:
        leases.enter(db, lease, stage, now=services.now())


def _stored_transcript(services: Services, lease: Lease) -> Transcript | None:
    if lease.transcript_id is None:
        return None
    with transaction(services.engine) as db:
        return results.transcript_of(db, lease.transcript_id)


def _transcribe(services: Services, lease: Lease) -> Transcript:
    """Fetch, level, transcribe; the transcript is committed before the audio may go."""
    if lease.audio_key is None:
        raise AudioMissing
    longest = services.settings.max_audio_minutes * 60
    with tempfile.TemporaryDirectory(prefix="rostrum-") as folder:
        recording = Path(folder, "recording")
        services.storage.fetch(lease.audio_key, recording)
        _enter(services, lease, Stage.TRANSCRIBING)
        speech = audio.normalise(recording, Path(folder, audio.FILE_NAME), max_seconds=longest)
        if speech.is_silent:
            raise NoSpeech
        transcript = services.transcriber.transcribe(speech, language=lease.language)
    with transaction(services.engine) as db:
        results.keep_transcript(db, lease, transcript, now=services.now())
    return transcript


def _delete_audio(services: Services, lease: Lease) -> Lease:
    """The lease without its audio, or as it was where deletion failed: results come first."""
    try:
        services.storage.delete(str(lease.audio_key))
    except StorageUnavailable:
        log.warning("audio_not_deleted", extra=_ids(lease))
        return lease
    with transaction(services.engine) as db:
        leases.guard(db, lease)
        sessions.stamp_audio_deleted(db, lease.session_id, now=services.now())
    return replace(lease, audio_key=None)


def _is_analyzed(services: Services, lease: Lease) -> bool:
    with transaction(services.engine) as db:
        return results.has_judgement(db, lease.run_id)


def _analyze(services: Services, lease: Lease, transcript: Transcript) -> None:
    """Ask Claude, prove each quote, and commit what stands: it is paid for."""
    _enter(services, lease, Stage.ANALYZING)
    reading = services.analyst.analyze(transcript)
    judgement = Judgement(
        summary=reading.analysis.summary,
        focus_next=reading.analysis.focus_next,
        intent_label=reading.analysis.intent_label,
        evidence=evidence.prove(reading.analysis, transcript),
        model=reading.model,
        prompt_version=reading.prompt_version,
        schema_version=SCHEMA_VERSION,
        input_tokens=reading.tokens.read,
        output_tokens=reading.tokens.written,
        cache_read_tokens=reading.tokens.cache_read,
        cache_write_tokens=reading.tokens.cache_write,
        cost_usd=cost_usd(reading.model, reading.tokens),
    )
    with transaction(services.engine) as db:
        results.keep_judgement(db, lease, judgement, now=services.now())


def _complete(services: Services, lease: Lease, transcript: Transcript) -> None:
    """Metrics, insights, profile, outcome and status: all in one transaction, or none."""
    _enter(services, lease, Stage.STORING)
    measurement = measure(transcript)
    with transaction(services.engine) as db:
        results.publish_results(db, lease, measurement)
        leases.complete(db, lease, now=services.now())
        profiles.refresh(db, lease.learner_id)
    log.info("session_completed", extra=_ids(lease))


def _record_failure(
    services: Services, lease: Lease, error: RostrumError, delivery: Delivery
) -> None:
    will_retry = error.retryable and delivery.retried < RETRIES
    with transaction(services.engine) as db:
        leases.fail(db, lease, error, will_retry=will_retry, now=services.now())
    log.warning(
        "session_failed", extra={**_ids(lease), "code": error.code, "will_retry": will_retry}
    )


def _ids(lease: Lease) -> dict[str, str | int]:
    """What a log line names: never content."""
    return {
        "session": str(lease.session_id),
        "run": str(lease.run_id),
        "attempt": lease.attempt,
    }
