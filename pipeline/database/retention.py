"""How long things stay: finished sessions whose words must go, or whose time is up.

A session is locked before its learner, by everybody: whoever settles one waits for a consent
that is being changed, and whoever changes one waits for sessions that are being settled.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from pipeline.consent import Removal
from pipeline.database import profiles, words
from pipeline.database.models import (
    Learner,
    Run,
    SpeakingSession,
    StoredPart,
    StoredTranscript,
)
from pipeline.database.operations import has_ended, is_kept, refuses_audio
from pipeline.errors import AudioNotDeleted
from pipeline.status import Status

S = SpeakingSession


def is_finished() -> ColumnElement[bool]:
    """No run is live or expected: nothing needs the words, and nothing will be written.

    One that gave up only because its audio could not be deleted is not finished: the sweeper
    deletes it, and the run goes on.
    """
    awaits_deletion = and_(is_kept(), S.error_code.is_not_distinct_from(AudioNotDeleted.code))
    return and_(S.status.in_([Status.COMPLETED, Status.FAILED]), has_ended(), ~awaits_deletion)


def holds_words() -> ColumnElement[bool]:
    """A transcript is stored, or parts of one."""
    parts = exists().where(StoredPart.run_id == Run.id, Run.session_id == S.id)
    return or_(and_(S.transcript_removed_at.is_(None), _has_transcript()), parts)


def _has_transcript() -> ColumnElement[bool]:
    return exists().where(StoredTranscript.session_id == S.id)


def _ended_until(before: datetime) -> ColumnElement[bool]:
    """Completed, or failed for good, by then. What was created later cannot have been."""
    return and_(
        S.created_at <= before, func.coalesce(S.completed_at, S.status_changed_at) <= before
    )


def refused_words(db: Session, *, limit: int) -> list[UUID]:
    """Finished sessions that hold words though their learner does not agree."""
    refused = and_(~Learner.consent_transcript_storage, is_finished())
    whole = (
        select(S.id)
        .join(Learner, Learner.id == S.learner_id)
        .where(refused, S.transcript_removed_at.is_(None), _has_transcript())
    )
    parts = _with_parts().join(Learner, Learner.id == S.learner_id).where(refused)
    return _some(db, whole, parts, limit=limit)


def old_words(db: Session, *, before: datetime, limit: int) -> list[UUID]:
    """Sessions that ended until then and hold words still, those heard first before others.

    By what holds words: sessions that never had any become ever more.
    """
    ended = and_(_ended_until(before), is_finished(), S.transcript_removed_at.is_(None))
    whole = (
        select(S.id)
        .join(StoredTranscript, StoredTranscript.session_id == S.id)
        .where(StoredTranscript.text != "", StoredTranscript.created_at <= before, ended)
        .order_by(StoredTranscript.created_at)
    )
    return _some(db, whole, _with_parts().where(ended), limit=limit)


def _with_parts() -> Select[UUID]:
    """By the parts, of which there are few: they go when a transcript is whole."""
    heard = aliased(Run)
    return (
        select(S.id)
        .join(heard, heard.session_id == S.id)
        .join(StoredPart, StoredPart.run_id == heard.id)
    )


def _some(db: Session, *chosen: Select[UUID], limit: int) -> list[UUID]:
    """At most `limit` of what is chosen, each once."""
    found = [session_id for each in chosen for session_id in db.scalars(each.limit(limit))]
    return list(dict.fromkeys(found))[:limit]


def old_sessions(db: Session, *, before: datetime, limit: int) -> list[UUID]:
    """Sessions that ended until then, oldest first."""
    return list(db.scalars(_ended(before).limit(limit)))


def _ended(before: datetime) -> Select[UUID]:
    return select(S.id).where(_ended_until(before), is_finished()).order_by(S.created_at)


def settle(
    db: Session, session_id: UUID, *, before: datetime | None = None, now: datetime
) -> Removal | None:
    """Take the words of a session away that nothing needs any more and that must not stay.

    That is: its learner does not agree to their storage, or it ended until `before`. Call it in
    the transaction that ends a run. Returns why they went; None: they stay, or there were none.
    """
    # A statement sees what was committed before it began, not what is committed while it waits:
    # the locks come first. A consent that is being changed just now is waited for.
    learner_id = db.scalar(select(S.learner_id).where(S.id == session_id).with_for_update())
    agrees = db.scalar(
        select(Learner.consent_transcript_storage).where(Learner.id == learner_id).with_for_update()
    )
    if learner_id is None or (agrees and before is None):
        return None
    due = select(S.id).where(S.id == session_id, is_finished(), holds_words())
    if agrees and before is not None:
        due = due.where(_ended_until(before))
    if db.scalar(due) is None:
        return None
    because = Removal.RETENTION if agrees else Removal.CONSENT
    words.remove(db, [session_id], because, now=now)
    profiles.refresh(db, learner_id)
    return because


def refused_audio(db: Session, session_id: UUID) -> str | None:
    """The key of a recording that is kept of a run given up, though its learner does not agree."""
    return db.scalar(select(S.audio_key).where(S.id == session_id, is_kept(), refuses_audio()))
