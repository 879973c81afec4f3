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

    The words of all their finished sessions go by one statement where storage is not agreed to. A
    session under way loses those of earlier results at once, and all when it ends. The profile is
    derived anew, or deleted. Returns what was held before.
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
        theirs = select(S.id, S.run_id, is_finished().label("is_finished")).where(
            S.learner_id == learner_id, holds_words()
        )
        held = db.execute(theirs).all()
        finished = [row.id for row in held if row.is_finished]
        under_way = [row for row in held if not row.is_finished]
        words.remove(db, finished, Removal.CONSENT, now=now)
        words.remove_from_results(
            db, [row.id for row in under_way], spared_runs=[row.run_id for row in under_way]
        )
    profiles.refresh(db, learner_id)
    return before
