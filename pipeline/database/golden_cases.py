"""Golden cases as rows: what they are built from, and the cases themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from pipeline.database import words
from pipeline.database.base import new_id
from pipeline.database.models import Insight, Run, SpeakingSession, StoredTranscript
from pipeline.database.staff_models import GoldenCase, StoredVerdict

BATCH = 100


@dataclass(frozen=True, slots=True)
class JudgedInsight:
    """An insight, and what the maker of a case says of it."""

    id: UUID
    pattern_key: str
    severity: str
    quotes: tuple[str, ...]
    verdict: str | None
    """None: not judged."""
    rewrite: str | None


@dataclass(frozen=True, slots=True)
class JudgedTalk:
    """A run's transcript and its insights, as one person judged them."""

    session_id: UUID
    language: str
    lines: tuple[str, ...]
    suspect: tuple[int, ...]
    insights: tuple[JudgedInsight, ...]


def run_of(db: Session, insight_id: UUID) -> UUID | None:
    """The run that found an insight; None: it is gone, or its talk's words are or must go.

    It stays until the transaction ends.

    Only the session is locked, as what deletes it does first: the insight goes with it.
    """
    return db.scalar(
        select(Insight.run_id)
        .join(SpeakingSession, SpeakingSession.id == Insight.session_id)
        .where(Insight.id == insight_id, words.may_be_read())
        .with_for_update(read=True, key_share=True, of=SpeakingSession)
    )


def judged_talk(db: Session, run_id: UUID, reviewer: str) -> JudgedTalk:
    """What a case of this run is built from, in one reviewer's eyes."""
    transcript = db.scalars(
        select(StoredTranscript)
        .join(Run, Run.transcript_id == StoredTranscript.id)
        .where(Run.id == run_id)
    ).one()
    mine = and_(StoredVerdict.insight_id == Insight.id, StoredVerdict.reviewer == reviewer)
    rows = db.execute(
        select(Insight, StoredVerdict.verdict, StoredVerdict.rewrite)
        .outerjoin(StoredVerdict, mine)
        .where(Insight.run_id == run_id)
        .order_by(Insight.position)
    )
    return JudgedTalk(
        session_id=transcript.session_id,
        language=transcript.language,
        lines=tuple(str(segment["text"]) for segment in transcript.segments),
        suspect=tuple(
            number for number, segment in enumerate(transcript.segments) if segment["suspect"]
        ),
        insights=tuple(
            JudgedInsight(
                id=insight.id,
                pattern_key=insight.pattern_key,
                severity=insight.severity,
                quotes=tuple(str(example["text"]) for example in insight.examples),
                verdict=verdict,
                rewrite=rewrite,
            )
            for insight, verdict, rewrite in rows
        ),
    )


def add(
    db: Session,
    insight_id: UUID,
    case: dict[str, Any],
    *,
    session_id: UUID,
    created_by: str,
    now: datetime,
) -> bool:
    """Keep a case. False: the insight has one already."""
    kept = (
        upsert(GoldenCase)
        .values(
            id=new_id(),
            session_id=session_id,
            insight_id=insight_id,
            case=case,
            created_by=created_by,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["insight_id"])
        .returning(GoldenCase.id)
    )
    return db.scalar(kept) is not None


def remove(db: Session, insight_id: UUID) -> UUID | None:
    """Take an insight's case back; its session, None where there was no case."""
    return db.scalar(
        delete(GoldenCase)
        .where(GoldenCase.insight_id == insight_id)
        .returning(GoldenCase.session_id)
    )


def made_by(db: Session, run_id: UUID, created_by: str) -> list[UUID]:
    """The insights of a run that this person made cases of."""
    return list(
        db.scalars(
            select(GoldenCase.insight_id)
            .join(Insight, Insight.id == GoldenCase.insight_id)
            .where(Insight.run_id == run_id, GoldenCase.created_by == created_by)
        )
    )


def change(db: Session, insight_id: UUID, case: dict[str, Any]) -> None:
    """Give an insight's case another content."""
    db.execute(update(GoldenCase).where(GoldenCase.insight_id == insight_id).values(case=case))


def all_cases(db: Session) -> Iterator[dict[str, Any]]:
    """Every case, oldest first."""
    yield from db.scalars(
        select(GoldenCase.case).order_by(GoldenCase.id).execution_options(yield_per=BATCH)
    )
