"""What people ask of a session: upload, announce, confirm, run again, delete, erase.

Always in this order: store, commit, then publish. The sweeper covers the gap behind a commit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import SEEK_END
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import true
from sqlalchemy.orm import Session

from pipeline import audio as recordings
from pipeline.database import profiles, sessions
from pipeline.database.engine import transaction
from pipeline.database.models import SpeakingSession, new_id
from pipeline.errors import (
    AlreadyRunning,
    AudioGone,
    AudioMismatch,
    AudioMissing,
    AudioTooLarge,
    DatabaseUnavailable,
    NotFound,
    RostrumError,
    StorageUnavailable,
    TranscriptMissing,
)
from pipeline.services import Services
from pipeline.status import Outcome, Scope, Status, Trigger
from pipeline.storage import audio_key

PRESIGNED_SECONDS = 3600
UPLOAD = "upload"
"""The actor of what the company's app does."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The session behind an upload."""

    session_id: UUID
    created: bool
    """False: the same Idempotency-Key made it before."""


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """Where and how the app may send the recording itself."""

    session_id: UUID
    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


def upload(
    services: Services,
    *,
    audio: BinaryIO,
    user_id: str,
    title: str | None = None,
    language: str = "en",
    source: str = "app",
    actor: str = UPLOAD,
    idempotency_key: str | None = None,
) -> Uploaded:
    """Take a recording: decode it, store it, commit the session, publish its run.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong, AudioTooLarge: the recording is refused.
        StorageUnavailable, DatabaseUnavailable: nothing half-stored remains.
    """
    if idempotency_key is not None:
        with transaction(services.engine) as db:
            first = sessions.first_session_of_key(
                db, learner_id=user_id, key=idempotency_key, now=services.now()
            )
        if first is not None:
            return Uploaded(first, created=False)
    recording = _inspected(services, audio)
    try:
        services.storage.put(recording.key, audio, content_type=recording.content_type)
    except StorageUnavailable:
        # It may be stored all the same, and only the answer was lost.
        _discard(services, recording.key)
        raise
    arrival = _Arrival(user_id, title, language, source, actor, idempotency_key)
    try:
        session_id, run_id = _commit_upload(services, recording, arrival)
    except DatabaseUnavailable:
        # The commit may have landed though its answer was lost: the sweeper decides which.
        raise
    except BaseException:
        _discard(services, recording.key)
        raise
    if run_id is None:
        _discard(services, recording.key)
        return Uploaded(session_id, created=False)
    publish(services, run_id)
    return Uploaded(session_id, created=True)


@dataclass(frozen=True, slots=True)
class _Recording:
    """A recording that was found good, and where it will lie."""

    session_id: UUID
    key: str
    content_type: str
    size_bytes: int
    duration: float


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What came with a recording."""

    user_id: str
    title: str | None
    language: str
    source: str
    actor: str
    idempotency_key: str | None


def _inspected(services: Services, audio: BinaryIO) -> _Recording:
    size_bytes = audio.seek(0, SEEK_END)
    audio.seek(0)
    _refuse_large(services, size_bytes)
    found = recordings.probe(audio, max_seconds=services.settings.max_audio_minutes * 60)
    session_id = new_id()
    return _Recording(
        session_id, audio_key(session_id), found.content_type, size_bytes, found.duration
    )


def _refuse_large(services: Services, size_bytes: int) -> None:
    if size_bytes > services.settings.max_upload_bytes:
        limit = services.settings.max_upload_mb
        raise AudioTooLarge(f"The recording is larger than {limit} MB.")


def _commit_upload(
    services: Services, recording: _Recording, arrival: _Arrival
) -> tuple[UUID, UUID | None]:
    """The session and its run; no run: a simultaneous upload with the same key was first."""
    now = services.now()
    with transaction(services.engine) as db:
        if arrival.idempotency_key is not None:
            first = sessions.first_session_of_key(
                db, learner_id=arrival.user_id, key=arrival.idempotency_key, now=now
            )
            if first is not None:
                return first, None
        sessions.add_session(
            db,
            session_id=recording.session_id,
            learner_id=arrival.user_id,
            title=arrival.title,
            language=arrival.language,
            source=arrival.source,
            audio={
                "audio_key": recording.key,
                "audio_content_type": recording.content_type,
                "audio_bytes": recording.size_bytes,
                "duration_seconds": recording.duration,
            },
            actor=arrival.actor,
            now=now,
        )
        if arrival.idempotency_key is not None:
            sessions.bind_key(
                db,
                learner_id=arrival.user_id,
                key=arrival.idempotency_key,
                session_id=recording.session_id,
                now=now,
            )
        run_id = _begin(db, recording.session_id, actor=arrival.actor, now=now)
    return recording.session_id, run_id


def _begin(db: Session, session_id: UUID, *, actor: str, now: datetime) -> UUID:
    """The audio is there: `UPLOADED`, with a first run that waits for the queue."""
    run_id = sessions.add_run(
        db,
        session_id,
        scope=Scope.FULL,
        trigger=Trigger.UPLOAD,
        requested_by=actor,
        transcript_id=None,
        now=now,
    )
    sessions.change_status(
        db,
        session_id,
        Status.UPLOADED,
        only_if=true(),
        actor=actor,
        now=now,
        values={"uploaded_at": now},
    )
    return run_id


def _discard(services: Services, key: str) -> None:
    """Take a stored recording back; where that fails the sweeper finds the orphan."""
    try:
        services.storage.delete(key)
    except StorageUnavailable:
        log.warning("upload_not_discarded")


def publish(services: Services, run_id: UUID, *, after: int | None = None) -> bool:
    """Hand a run to the queue. False: it did not take it, and the sweeper tries again.

    With `after`, only if it has been handed over just so often: of two sweepers one does it.
    """
    with transaction(services.engine) as db:
        publication = sessions.next_publication(db, run_id, now=services.now(), after=after)
    if publication is None:
        return False
    session_id, number = publication
    try:
        message_id = services.queue.enqueue_processing(
            session_id, run_id=run_id, publication=number
        )
    except RostrumError as error:
        services.meters.not_published(error.code)
        log.warning(
            "run_not_published",
            extra={"session": str(session_id), "run": str(run_id), "code": error.code},
        )
        return False
    with transaction(services.engine) as db:
        sessions.mark_queued(db, run_id, message_id=message_id, now=services.now())
    return True


def presign(
    services: Services,
    *,
    user_id: str,
    content_type: str,
    size_bytes: int,
    title: str | None = None,
    language: str = "en",
) -> PresignedUpload:
    """Announce a recording that the app will send to storage itself.

    Raises:
        AudioTooLarge: above the upload limit.
        ConfigurationMissing, DatabaseUnavailable: nothing was announced.
    """
    _refuse_large(services, size_bytes)
    session_id, now = new_id(), services.now()
    key = audio_key(session_id)
    url = services.storage.presign_put(
        key, content_type=content_type, size_bytes=size_bytes, expires_seconds=PRESIGNED_SECONDS
    )
    with transaction(services.engine) as db:
        sessions.add_session(
            db,
            session_id=session_id,
            learner_id=user_id,
            title=title,
            language=language,
            source="app",
            audio={
                "audio_key": key,
                "audio_content_type": content_type,
                "audio_bytes": size_bytes,
            },
            actor=UPLOAD,
            now=now,
        )
    return PresignedUpload(
        session_id=session_id,
        url=url,
        method="PUT",
        headers={"Content-Type": content_type, "Content-Length": str(size_bytes)},
        expires_at=now + timedelta(seconds=PRESIGNED_SECONDS),
    )


def confirm(services: Services, session_id: UUID) -> None:
    """The app says that the recording is stored: look, then commit and publish.

    Confirming again changes nothing.

    Raises:
        NotFound: no such session.
        AudioMissing: nothing was stored.
        AudioMismatch: it is not of the announced size.
    """
    with transaction(services.engine) as db:
        announced = _existing(sessions.find(db, session_id))
    if announced.status != Status.CREATED:
        return
    if services.storage.size(str(announced.audio_key)) != announced.audio_bytes:
        raise AudioMismatch
    with transaction(services.engine) as db:
        locked = _existing(sessions.lock(db, session_id))
        if locked.status != Status.CREATED:
            return
        run_id = _begin(db, session_id, actor=UPLOAD, now=services.now())
    publish(services, run_id)


def rerun(services: Services, session_id: UUID, *, scope: Scope, requested_by: str) -> UUID:
    """Ask for another run; the results shown stay until it has succeeded.

    Raises:
        NotFound: no such session.
        AlreadyRunning: a run is live.
        AudioMissing, AudioGone: a full run needs the recording.
        TranscriptMissing: an analysis needs a transcript.
    """
    with transaction(services.engine) as db:
        session = _existing(sessions.lock(db, session_id))
        transcript_id = sessions.newest_transcript_id(db, session_id)
        if session.run_id is None:
            raise AudioMissing
        _refuse_while_live(db, session)
        if scope is Scope.FULL and session.audio_deleted_at is not None:
            raise AudioGone
        if scope is Scope.ANALYSIS and transcript_id is None:
            raise TranscriptMissing
        now = services.now()
        sessions.end_run(db, session.run_id, outcome=Outcome.SUPERSEDED, now=now)
        run_id = sessions.add_run(
            db,
            session_id,
            scope=scope,
            trigger=Trigger.MANUAL,
            requested_by=requested_by,
            transcript_id=transcript_id if scope is Scope.ANALYSIS else None,
            now=now,
        )
    publish(services, run_id)
    return run_id


def _refuse_while_live(db: Session, session: SpeakingSession) -> None:
    """A run is live while it waits for its first attempt, and during each attempt."""
    run = sessions.find_run(db, session.run_id) if session.run_id else None
    waiting = run is not None and run.outcome is None and run.attempts == 0
    if waiting or session.status == Status.PROCESSING:
        raise AlreadyRunning


def delete_session(services: Services, session_id: UUID) -> None:
    """Delete a session: its audio, its rows, and its share of the profile.

    Raises:
        NotFound: no such session.
        StorageUnavailable: nothing was deleted.
    """
    with transaction(services.engine) as db:
        session = _existing(sessions.find(db, session_id))
    if session.audio_key and session.audio_deleted_at is None:
        services.storage.delete(session.audio_key)
    with transaction(services.engine) as db:
        learner_id = sessions.remove(db, session_id)
        if learner_id is not None:
            profiles.refresh(db, learner_id)


def erase_learner(services: Services, user_id: str) -> None:
    """Delete everything held on a learner.

    Raises:
        NotFound: nothing is held on them.
        StorageUnavailable: the rows are still there; erase again.
    """
    with transaction(services.engine) as db:
        if not sessions.learner_exists(db, user_id):
            raise NotFound("There is no such learner.")
        stored = sessions.sessions_with_audio(db, user_id)
    for _, key in stored:
        services.storage.delete(key)
    with transaction(services.engine) as db:
        sessions.remove_learner(db, user_id)


def _existing(session: SpeakingSession | None) -> SpeakingSession:
    if session is None:
        raise NotFound
    return session
