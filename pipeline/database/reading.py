"""What people read of sessions, as frozen values: lists, and one session whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, case, func, select, text
from sqlalchemy.orm import Session

from pipeline.consent import Removal
from pipeline.database.models import (
    Insight,
    Run,
    SessionEvent,
    SpeakingSession,
    StoredAnalysis,
    StoredMetric,
    StoredTranscript,
)
from pipeline.database.progress import spoken
from pipeline.database.stored import from_json
from pipeline.finding import Dropped, ProvenStrength
from pipeline.focus import FollowUp
from pipeline.progress import follow_ups
from pipeline.session import (
    Event,
    Failure,
    RunRecord,
    RunResults,
    SessionDetail,
    SessionRow,
    StrengthShown,
    TranscriptShown,
)
from pipeline.session import Insight as InsightShown
from pipeline.speech.fillers import Moment
from pipeline.speech.metric import Metric, Point
from pipeline.speech.quotes import LocatedQuote
from pipeline.speech.transcript import Segment, Silence
from pipeline.status import Outcome, Scope, Stage, Status, Trigger

S = SpeakingSession


def _rows() -> Select[Any]:
    """The list's columns; the counts are of the run whose results are shown."""

    def severity(name: str) -> Any:
        return (
            select(func.count())
            .where(Insight.run_id == S.result_run_id, Insight.severity == name)
            .scalar_subquery()
        )

    words = (
        select(StoredTranscript.word_count)
        .where(StoredTranscript.session_id == S.id)
        .order_by(StoredTranscript.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(
        *S.__table__.columns,
        Run.attempts,
        Run.queued_at,
        words.label("word_count"),
        severity("high").label("high"),
        severity("medium").label("medium"),
        severity("low").label("low"),
    ).outerjoin(Run, Run.id == S.run_id)


def _row(row: Row[Any]) -> SessionRow:
    return SessionRow(
        id=row.id,
        user_id=row.learner_id,
        title=row.title,
        language=row.language,
        source=row.source,
        status=Status(row.status),
        stage=Stage(row.stage) if row.stage else None,
        status_changed_at=row.status_changed_at,
        created_at=row.created_at,
        completed_at=row.completed_at,
        duration_seconds=row.duration_seconds,
        audio_bytes=row.audio_bytes,
        audio_content_type=row.audio_content_type,
        audio_held=row.uploaded_at is not None and row.audio_deleted_at is None,
        audio_deleted_at=row.audio_deleted_at,
        queued=row.queued_at is not None,
        attempts=row.attempts or 0,
        word_count=row.word_count,
        insights_high=row.high,
        insights_medium=row.medium,
        insights_low=row.low,
        error=failure_of(row),
        transcript_removed_at=row.transcript_removed_at,
        transcript_removed_because=(
            Removal(row.transcript_removed_because) if row.transcript_removed_because else None
        ),
    )


def is_named(search: str) -> ColumnElement[bool]:
    """Whether the title or the learner's id holds this, in any case."""
    if len(search) < INDEXED_LETTERS:
        # The index would be read whole, which takes longer than reading the names: so it is none
        # of the names themselves.
        return S.names.concat("").contains(search.lower(), autoescape=True)
    return S.names.contains(search.lower(), autoescape=True)


INDEXED_LETTERS = 3
"""The index of names knows any three letters that follow each other."""


def failure_of(row: Row[Any]) -> Failure | None:
    """Why the last attempt of a session's row ended, where it ended in an error."""
    if row.error_code is None:
        return None
    return Failure(
        code=row.error_code,
        message=row.error_message,
        retryable=row.error_retryable,
        will_retry=row.will_retry,
    )


def page(
    db: Session,
    *,
    learner_id: str | None,
    status: Status | None,
    search: str | None,
    before: UUID | None,
    limit: int,
) -> list[SessionRow]:
    """Up to `limit` sessions older than `before`, newest first."""
    chosen = _rows().order_by(S.id.desc()).limit(limit)
    if learner_id is not None:
        chosen = chosen.where(S.learner_id == learner_id)
    if status is not None:
        chosen = chosen.where(S.status == status)
    if search:
        chosen = chosen.where(is_named(search))
    if before is not None:
        chosen = chosen.where(S.id < before)
    return [_row(row) for row in db.execute(chosen)]


def session_row(db: Session, session_id: UUID) -> SessionRow | None:
    """One line of the list."""
    row = db.execute(_rows().where(S.id == session_id)).one_or_none()
    return _row(row) if row else None


def session_detail(db: Session, session_id: UUID) -> SessionDetail | None:
    """One session with all that is shown of it."""
    found = db.execute(_rows().where(S.id == session_id)).one_or_none()
    if found is None:
        return None
    shown = db.get(StoredAnalysis, found.result_run_id) if found.result_run_id else None
    has_words = found.transcript_removed_at is None
    return SessionDetail(
        row=_row(found),
        result_run_id=found.result_run_id,
        transcript=_transcript(db, found) if has_words else None,
        summary=shown.summary if shown else None,
        focus_next=shown.focus_next if shown else None,
        focus_key=shown.focus_key if shown else None,
        last_focus=_last_focus(db, found) if shown else None,
        intent_label=shown.intent_label or None if shown else None,
        strengths=tuple(
            StrengthShown(strength.text, strength.quote if has_words else None)
            for strength in (from_json(ProvenStrength, shown.strengths) if shown else ())
        ),
        insights=_insights(db, found.result_run_id),
        metrics=_metrics(db, found.result_run_id),
        metrics_note=shown.metrics_note if shown else None,
        runs=_runs(db, session_id),
        events=_events(db, session_id),
    )


def run_results(db: Session, session_id: UUID, run_id: UUID) -> RunResults | None:
    """What a run of this session found; None: there is no such run, or it found nothing."""
    run = next((run for run in _runs(db, session_id) if run.id == run_id), None)
    if run is None or run.outcome is not Outcome.COMPLETED:
        return None
    analysis = db.get_one(StoredAnalysis, run_id)
    return RunResults(
        run=run,
        summary=analysis.summary,
        focus_next=analysis.focus_next,
        insights=_insights(db, run_id),
        metrics=_metrics(db, run_id),
    )


def _last_focus(db: Session, found: Row[Any]) -> FollowUp | None:
    """What became of the focus of the completed session before this one."""
    until = (found.created_at, found.id)
    told = follow_ups(spoken(db, found.learner_id, most=2, until=until))
    return told[0] if told else None


def _transcript(db: Session, found: Row[Any]) -> TranscriptShown | None:
    """The result's transcript, or the newest while there is no result."""
    chosen = select(StoredTranscript).where(StoredTranscript.session_id == found.id)
    if found.result_run_id:
        chosen = chosen.join(Run, Run.transcript_id == StoredTranscript.id).where(
            Run.id == found.result_run_id
        )
    row = db.scalar(chosen.order_by(StoredTranscript.id.desc()).limit(1))
    if row is None:
        return None
    return TranscriptShown(
        text=row.text,
        word_count=row.word_count,
        language=row.language,
        engine=row.engine,
        duration_seconds=row.duration_seconds,
        segments=from_json(Segment, row.segments),
        silences=from_json(Silence, row.silences),
        prompt_version=row.prompt_version,
    )


def _insights(db: Session, run_id: UUID | None) -> tuple[InsightShown, ...]:
    by_severity = case({"high": 0, "medium": 1, "low": 2}, value=Insight.severity)
    rows = db.scalars(
        select(Insight).where(Insight.run_id == run_id).order_by(by_severity, Insight.position)
    )
    return tuple(
        InsightShown(
            id=row.id,
            category=row.category,
            pattern_key=row.pattern_key,
            pattern=row.pattern,
            detail=row.detail,
            frequency=row.frequency,
            counted=row.counted,
            severity=row.severity,
            # Where the words were removed the places stay, and say how many there were.
            examples=tuple(quote for quote in from_json(LocatedQuote, row.examples) if quote.text),
            places=len(row.examples),
            suggestion=row.suggestion,
        )
        for row in rows
    )


def _metrics(db: Session, run_id: UUID | None) -> tuple[Metric, ...]:
    rows = db.scalars(
        select(StoredMetric).where(StoredMetric.run_id == run_id).order_by(StoredMetric.id)
    )
    return tuple(
        Metric(
            name=row.name,
            label=row.label,
            value=row.value,
            unit=row.unit,
            numerator=row.numerator,
            denominator=row.denominator,
            formula_version=row.formula_version,
            band=row.band,
            basis=row.basis,
            moments=from_json(Moment, row.moments),
            low=row.low,
            high=row.high,
            series=from_json(Point, row.series),
        )
        for row in rows
    )


# A stage lasts from its event to the next one; what lies between attempts belongs to none.
_STAGE_SECONDS = text("""
SELECT run_number, stage, sum(extract(epoch FROM next_at - at))::float8 AS seconds
  FROM (SELECT run_number, stage, to_status, at,
               lead(at) OVER (PARTITION BY run_number ORDER BY id) AS next_at
          FROM session_events WHERE session_id = :session) events
 WHERE to_status = 'PROCESSING' AND stage IS NOT NULL AND next_at IS NOT NULL
 GROUP BY run_number, stage
""")


def _runs(db: Session, session_id: UUID) -> tuple[RunRecord, ...]:
    seconds: dict[int, dict[str, float]] = {}
    for row in db.execute(_STAGE_SECONDS, {"session": session_id}):
        seconds.setdefault(row.run_number, {})[row.stage] = row.seconds
    rows = db.execute(
        select(Run, StoredAnalysis)
        .outerjoin(StoredAnalysis, StoredAnalysis.run_id == Run.id)
        .where(Run.session_id == session_id)
        .order_by(Run.number)
    )
    return tuple(_run(run, analysis, seconds.get(run.number, {})) for run, analysis in rows)


def _run(run: Run, analysis: StoredAnalysis | None, seconds: dict[str, float]) -> RunRecord:
    return RunRecord(
        id=run.id,
        number=run.number,
        scope=Scope(run.scope),
        trigger=Trigger(run.trigger),
        requested_by=run.requested_by,
        created_at=run.created_at,
        queued_at=run.queued_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        attempts=run.attempts,
        outcome=Outcome(run.outcome) if run.outcome else None,
        error_code=run.error_code,
        stage_seconds=seconds,
        model=analysis.model if analysis else None,
        prompt_version=analysis.prompt_version if analysis else None,
        schema_version=analysis.schema_version if analysis else None,
        input_tokens=analysis.input_tokens if analysis else None,
        output_tokens=analysis.output_tokens if analysis else None,
        cache_read_tokens=analysis.cache_read_tokens if analysis else None,
        cache_write_tokens=analysis.cache_write_tokens if analysis else None,
        cost_usd=analysis.cost_usd if analysis else None,
        dropped=from_json(Dropped, analysis.dropped) if analysis else (),
    )


def _events(db: Session, session_id: UUID) -> tuple[Event, ...]:
    rows = db.scalars(
        select(SessionEvent).where(SessionEvent.session_id == session_id).order_by(SessionEvent.id)
    )
    return tuple(
        Event(
            at=row.at,
            from_status=Status(row.from_status) if row.from_status else None,
            to_status=Status(row.to_status),
            stage=Stage(row.stage) if row.stage else None,
            run=row.run_number,
            attempt=row.attempt,
            actor=row.actor,
            error_code=row.error_code,
        )
        for row in rows
    )
