"""What people ask of a session: upload, run again, delete, erase.

Always in this order: store, commit, then publish. The sweeper covers the gap behind a commit.
Where staff asks, `staff` is who: the role is checked, and the audit tells of it in the same
transaction. Without, the company's app asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from os import SEEK_END
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import true
from sqlalchemy.orm import Session

from pipeline import audio as recordings
from pipeline.database import audit, sessions
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.database.models import SpeakingSession
from pipeline.errors import (
    AlreadyRunning,
    AudioGone,
    AudioMissing,
    AudioTooLarge,
    DatabaseUnavailable,
    EmptyAudio,
    NotFound,
    StorageUnavailable,
    TranscriptGone,
    TranscriptMissing,
)
from pipeline.publication import publish
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Outcome, Scope, Status, Trigger
from pipeline.storage import audio_key

UPLOAD = "upload"
"""The actor of an upload by the company's app."""
APP = "app"
"""Whom a run names that the company's app asked for."""

Also = Callable[[Session], None]
"""Something to write in the same transaction."""

log = logging.getLogger(__name__)


def nothing_else(_db: Session) -> None:
    """Write nothing more."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The session behind an upload."""

    session_id: UUID
    created: bool
    """False: the same Idempotency-Key made it before."""


def upload(
    services: Services,
    *,
    audio: BinaryIO,
    user_id: str,
    title: str | None = None,
    language: str = "en",
    source: str = "app",
    idempotency_key: str | None = None,
    staff: Staff | None = None,
) -> Uploaded:
    """Take a recording: decode it, store it, commit the session, publish its run.

    Raises:
        Forbidden: `staff` may not upload.
        EmptyAudio, UnsupportedAudio, AudioTooLong, AudioTooLarge: the recording is refused.
        StorageUnavailable, DatabaseUnavailable: nothing half-stored remains.
    """
    if staff is not None:
        staff.must_be(Role.QA)
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
    arrival = _Arrival(user_id, title, language, source, idempotency_key, staff)
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
    digest: str


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What came with a recording."""

    user_id: str
    title: str | None
    language: str
    source: str
    idempotency_key: str | None
    staff: Staff | None

    @property
    def actor(self) -> str:
        """Whom the timeline names."""
        return self.staff.name if self.staff else UPLOAD


def _inspected(services: Services, audio: BinaryIO) -> _Recording:
    size_bytes = measured_size(services, audio)
    found = recordings.probe(audio, max_seconds=services.settings.max_audio_minutes * 60)
    session_id = new_id()
    return _Recording(
        session_id,
        audio_key(session_id),
        found.content_type,
        size_bytes,
        found.duration,
        recordings.digest_of(audio),
    )


def measured_size(services: Services, audio: BinaryIO) -> int:
    """A recording's size in bytes; leaves the file at its beginning.

    Raises:
        EmptyAudio: no bytes.
        AudioTooLarge: above the upload limit.
    """
    size_bytes = audio.seek(0, SEEK_END)
    audio.seek(0)
    if not size_bytes:
        raise EmptyAudio
    refuse_large(services, size_bytes)
    return size_bytes


def refuse_large(services: Services, size_bytes: int) -> None:
    """Refuse what is above the upload limit.

    Raises:
        AudioTooLarge: it is.
    """
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
                "audio_digest": recording.digest,
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
        run_id = begin(db, recording.session_id, actor=arrival.actor, now=now)
        audit.record(
            db, arrival.staff, AuditAction.UPLOAD, now=now, session_id=recording.session_id
        )
    return recording.session_id, run_id


def begin(db: Session, session_id: UUID, *, actor: str, now: datetime) -> UUID:
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


def rerun(
    services: Services,
    session_id: UUID,
    *,
    scope: Scope,
    requested_by: str = APP,
    staff: Staff | None = None,
    reason: str | None = None,
    also: Also = nothing_else,
) -> UUID:
    """Ask for another run; the results shown stay until it has succeeded.

    The run names `staff`, or `requested_by` where nobody of the staff asked. What `also` writes
    lands together with the run, or neither does.

    Raises:
        Forbidden: `staff` may not ask for runs.
        NotFound: no such session.
        AlreadyRunning: a run is live.
        AudioMissing, AudioGone: a full run needs the recording.
        TranscriptMissing, TranscriptGone: an analysis needs a transcript.
    """
    if staff is not None:
        staff.must_be(Role.QA)
    with transaction(services.engine) as db:
        session = existing(sessions.lock(db, session_id))
        transcript_id = sessions.newest_transcript_id(db, session_id)
        if session.run_id is None:
            raise AudioMissing
        refuse_while_live(db, session)
        if scope is Scope.FULL and session.audio_deleted_at is not None:
            raise AudioGone
        if scope is Scope.ANALYSIS and session.transcript_removed_at is not None:
            raise TranscriptGone
        if scope is Scope.ANALYSIS and transcript_id is None:
            raise TranscriptMissing
        now = services.now()
        sessions.end_run(db, session.run_id, outcome=Outcome.SUPERSEDED, now=now)
        run_id = sessions.add_run(
            db,
            session_id,
            scope=scope,
            trigger=Trigger.MANUAL,
            requested_by=staff.name if staff else requested_by,
            transcript_id=transcript_id if scope is Scope.ANALYSIS else None,
            now=now,
        )
        audit.record(
            db,
            staff,
            AuditAction.RERUN,
            now=now,
            session_id=session_id,
            reason=reason,
            detail={"scope": scope, "run": str(run_id)},
        )
        also(db)
    publish(services, run_id)
    return run_id


def refuse_while_live(db: Session, session: SpeakingSession) -> None:
    """Refuse what must not happen while a run is live.

    A run is live while it waits for its first attempt, and during each attempt.

    Raises:
        AlreadyRunning: one is.
    """
    run = sessions.find_run(db, session.run_id) if session.run_id else None
    waiting = run is not None and run.outcome is None and run.attempts == 0
    if waiting or session.status == Status.PROCESSING:
        raise AlreadyRunning


def existing(session: SpeakingSession | None) -> SpeakingSession:
    """The session that was looked for.

    Raises:
        NotFound: it is None.
    """
    if session is None:
        raise NotFound
    return session
