"""What a run found out: its transcript, its analysis, and both made the session's result."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from pipeline.database import sessions
from pipeline.database.base import new_id
from pipeline.database.leases import Lease, guard
from pipeline.database.models import (
    Insight,
    Run,
    StoredAnalysis,
    StoredMetric,
    StoredTranscript,
)
from pipeline.database.stored import from_json, to_json
from pipeline.finding import Dropped, Finding, Judgement, ProvenStrength
from pipeline.focus import focus_key
from pipeline.speech.fillers import Moment
from pipeline.speech.metric import Measurement, Point
from pipeline.speech.quotes import LocatedQuote
from pipeline.speech.transcript import Segment, Silence, Transcript
from pipeline.speech.words import count_words


def keep_transcript(db: Session, lease: Lease, transcript: Transcript, *, now: datetime) -> None:
    """Store what was heard, as the run's transcript.

    Raises:
        LeaseHeld, NotFound: the lease is not ours any more.
    """
    # Words of earlier runs may have been removed: now there are some again.
    guard(
        db,
        lease,
        duration_seconds=transcript.duration,
        transcript_removed_at=None,
        transcript_removed_because=None,
    )
    transcript_id = new_id()
    db.execute(
        insert(StoredTranscript).values(
            id=transcript_id,
            session_id=lease.session_id,
            run_id=lease.run_id,
            text=transcript.text,
            word_count=count_words(transcript.text),
            language=transcript.language,
            duration_seconds=transcript.duration,
            engine=transcript.engine,
            segments=to_json(Segment, transcript.segments),
            silences=to_json(Silence, transcript.silences),
            created_at=now,
            prompt_version=transcript.prompt_version,
        )
    )
    sessions.drop_parts(db, lease.session_id)
    db.execute(update(Run).where(Run.id == lease.run_id).values(transcript_id=transcript_id))


def transcript_of(db: Session, transcript_id: UUID) -> Transcript:
    """A stored transcript as a value."""
    row = db.get_one(StoredTranscript, transcript_id)
    return Transcript(
        segments=from_json(Segment, row.segments),
        language=row.language,
        duration=row.duration_seconds,
        engine=row.engine,
        silences=from_json(Silence, row.silences),
        prompt_version=row.prompt_version,
    )


def keep_judgement(db: Session, lease: Lease, judgement: Judgement, *, now: datetime) -> None:
    """Store an accepted analysis beside its run; nobody sees it before the run completes.

    Raises:
        LeaseHeld, NotFound: the lease is not ours any more.
    """
    guard(db, lease)
    values = {**columns_of(judgement), "created_at": now}
    db.execute(upsert(StoredAnalysis).values(run_id=lease.run_id, **values))


def columns_of(judgement: Judgement) -> dict[str, Any]:
    """An analysis as its table holds it, without its run and its time."""
    evidence = judgement.evidence
    return {
        "summary": judgement.summary,
        "focus_next": judgement.focus_next,
        "intent_label": judgement.intent_label,
        "strengths": to_json(ProvenStrength, evidence.strengths),
        "findings": to_json(Finding, evidence.findings),
        "dropped": to_json(Dropped, evidence.dropped),
        "model": judgement.model,
        "prompt_version": judgement.prompt_version,
        "schema_version": judgement.schema_version,
        "input_tokens": judgement.input_tokens,
        "output_tokens": judgement.output_tokens,
        "cache_read_tokens": judgement.cache_read_tokens,
        "cache_write_tokens": judgement.cache_write_tokens,
        "cost_usd": judgement.cost_usd,
    }


def has_judgement(db: Session, run_id: UUID) -> bool:
    """Whether an earlier attempt of this run got its analysis."""
    return (
        db.scalar(select(StoredAnalysis.run_id).where(StoredAnalysis.run_id == run_id)) is not None
    )


def publish_results(db: Session, lease: Lease, measurement: Measurement) -> None:
    """Write insights and metrics of a run from its stored analysis and what was measured.

    In the transaction that completes the lease, and after it: that one is guarded.
    """
    analysis = db.get_one(StoredAnalysis, lease.run_id)
    analysis.metrics_note = measurement.note
    findings = from_json(Finding, analysis.findings)
    analysis.focus_key = focus_key(analysis.focus_next, findings)
    if findings:
        db.execute(
            insert(Insight),
            [_insight_row(lease, position, finding) for position, finding in enumerate(findings)],
        )
    if measurement.metrics:
        db.execute(
            insert(StoredMetric),
            [
                {
                    "run_id": lease.run_id,
                    "name": metric.name,
                    "label": metric.label,
                    "value": metric.value,
                    "unit": metric.unit,
                    "numerator": metric.numerator,
                    "denominator": metric.denominator,
                    "formula_version": metric.formula_version,
                    "band": metric.band,
                    "basis": metric.basis,
                    "moments": to_json(Moment, metric.moments),
                    "low": metric.low,
                    "high": metric.high,
                    "series": to_json(Point, metric.series),
                }
                for metric in measurement.metrics
            ],
        )


def _insight_row(lease: Lease, position: int, finding: Finding) -> dict[str, object]:
    return {
        "id": new_id(),
        "run_id": lease.run_id,
        "session_id": lease.session_id,
        "position": position,
        "category": finding.category,
        "pattern_key": finding.pattern_key,
        "pattern": finding.pattern,
        "detail": finding.detail,
        "frequency": finding.frequency,
        "counted": finding.counted,
        "severity": finding.severity,
        "suggestion": finding.suggestion,
        "examples": to_json(LocatedQuote, finding.examples),
    }
