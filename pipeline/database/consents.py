"""Consents as rows: what a learner agrees to, and what a change of it does at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from pipeline.consent import Consents, Held, Removal
from pipeline.database import profiles, words
from pipeline.database.models import Learner, SpeakingSession
from pipeline.database.retention import holds_words, is_finished

S = SpeakingSession


def of(db: Session, learner_id: str) -> Held | None:
    """What a learner agrees to; None: nothing is held on them."""
    row = db.get(Learner, learner_id, populate_existing=True)
    if row is None:
        return None
    return held_in(row)


def held_in(row: Any) -> Held:
    """The same, of a row that has the learner's columns."""
    return Held(
        Consents(
            audio_storage=row.consent_audio_storage,
            transcript_storage=row.consent_transcript_storage,
            pattern_tracking=row.consent_pattern_tracking,
        ),
        row.consents_changed_at,
    )


def save(db: Session, learner_id: str, consents: Consents, *, now: datetime) -> Held:
    """Keep what a learner agrees to, and obey it; a learner who is new is made.

    The words of all their finished sessions go by one statement where storage is not agreed to,
    a session under way loses them when it ends; the profile is derived anew, or deleted. Returns
    what was held before.
    """
    # Sessions before their learner, as everybody locks them; in one order, so that two who lock
    # many do not wait for each other.
    db.execute(
        select(S.id).where(S.learner_id == learner_id).order_by(S.id).with_for_update()
    ).all()
    known = upsert(Learner).values(id=learner_id, created_at=now)
    db.execute(known.on_conflict_do_update(index_elements=["id"], set_={"id": learner_id}))
    before = of(db, learner_id)
    assert before is not None  # noqa: S101 - inserted just above, and locked since
    if before.consents != consents:
        db.execute(
            update(Learner)
            .where(Learner.id == learner_id)
            .values(
                consent_audio_storage=consents.audio_storage,
                consent_transcript_storage=consents.transcript_storage,
                consent_pattern_tracking=consents.pattern_tracking,
                consents_changed_at=now,
            )
        )
    if not consents.transcript_storage:
        theirs = select(S.id).where(S.learner_id == learner_id, is_finished(), holds_words())
        words.remove(db, list(db.scalars(theirs)), Removal.CONSENT, now=now)
    profiles.refresh(db, learner_id)
    return before
