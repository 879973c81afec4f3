"""Parts of a transcript that is not whole yet: paid for, and kept until it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from pipeline.database.leases import Lease, guard
from pipeline.database.models import StoredPart
from pipeline.database.stored import from_json, to_json
from pipeline.speech.transcript import Segment, TranscriptPart


def keep_part(db: Session, lease: Lease, part: TranscriptPart, *, now: datetime) -> None:
    """Store what was heard in one part, in place of what an earlier plan kept there.

    Raises:
        LeaseHeld, NotFound: the lease is not ours any more.
    """
    guard(db, lease)
    values = {
        "start_seconds": part.start,
        "end_seconds": part.end,
        "language": part.language,
        "engine": part.engine,
        "prompt_version": part.prompt_version,
        "segments": to_json(Segment, part.segments),
        "created_at": now,
    }
    db.execute(
        upsert(StoredPart)
        .values(run_id=lease.run_id, number=part.number, **values)
        .on_conflict_do_update(index_elements=["run_id", "number"], set_=values)
    )


def parts_of(db: Session, run_id: UUID) -> tuple[TranscriptPart, ...]:
    """What earlier attempts of a run have heard, in order."""
    rows = db.scalars(
        select(StoredPart).where(StoredPart.run_id == run_id).order_by(StoredPart.number)
    )
    return tuple(
        TranscriptPart(
            number=row.number,
            start=row.start_seconds,
            end=row.end_seconds,
            language=row.language,
            engine=row.engine,
            prompt_version=row.prompt_version,
            segments=from_json(Segment, row.segments),
        )
        for row in rows
    )
