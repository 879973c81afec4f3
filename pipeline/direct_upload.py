"""A recording that the company's app sends to storage itself: announced first, then confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pipeline import intake
from pipeline.database import sessions
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.errors import AudioMismatch
from pipeline.publication import publish
from pipeline.services import Services
from pipeline.status import Status
from pipeline.storage import audio_key

PRESIGNED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """Where and how the app may send the recording itself."""

    session_id: UUID
    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


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
    intake.refuse_large(services, size_bytes)
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
            actor=intake.UPLOAD,
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
        announced = intake.existing(sessions.find(db, session_id))
    if announced.status != Status.CREATED:
        return
    if services.storage.size(str(announced.audio_key)) != announced.audio_bytes:
        raise AudioMismatch
    with transaction(services.engine) as db:
        locked = intake.existing(sessions.lock(db, session_id))
        if locked.status != Status.CREATED:
            return
        run_id = intake.begin(db, session_id, actor=intake.UPLOAD, now=services.now())
    publish(services, run_id)
