"""What people read of sessions, as frozen values: lists, and one session whole."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    ScalarSelect,
    Select,
    and_,
    case,
    column,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from pipeline.consent import Removal
from pipeline.database.models import (
    Insight,
    Learner,
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
T = TypeVar("T")


def _rows() -> Select[Any]:
    """The list's columns; the counts are of the run whose results are shown."""

    def severity(name: str) -> Any:
        return (
            select(func.count())
            .where(Insight.run_id == S.result_run_id, Insight.severity == name)
            .scalar_subquery()
        )

    return select(
        *S.__table__.columns,
        Run.attempts,
        Run.queued_at,
        _of_newest(StoredTranscript.word_count).label("word_count"),
        severity("high").label("high"),
        severity("medium").label("medium"),
        severity("low").label("low"),
    ).outerjoin(Run, Run.id == S.run_id)


def _of_newest(column: InstrumentedAttribute[T]) -> ScalarSelect[T]:
    """A column of a session's newest transcript."""
    return (
        select(column)
        .where(StoredTranscript.session_id == S.id)
        .order_by(StoredTranscript.id.desc())
        .limit(1)
        .correlate(S)
        .scalar_subquery()
    )


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


def ids_of(db: Session, learner_id: str) -> list[UUID]:
    """All of a learner's sessions, newest first."""
    return list(db.scalars(select(S.id).where(S.learner_id == learner_id).order_by(S.id.desc())))


def session_row(db: Session, session_id: UUID) -> SessionRow | None:
    """One line of the list."""
    row = db.execute(_rows().where(S.id == session_id)).one_or_none()
    return _row(row) if row else None


def session_detail(db: Session, session_id: UUID) -> SessionDetail | None:
    """One session with all that is shown of it."""
    found = db.execute(_with_result().where(S.id == session_id)).one_or_none()
    if found is None:
        return None
    shown: StoredAnalysis | None = found.StoredAnalysis
    heard: StoredTranscript | None = found.StoredTranscript
    has_words = found.transcript_removed_at is None and found.agrees
    return SessionDetail(
        row=_row(found),
        result_run_id=found.result_run_id,
        transcript=_transcript(heard) if heard else None,
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
        runs=_runs(db, session_id, agrees=found.agrees),
        events=_events(db, session_id),
    )


def _with_result() -> Select[Any]:
    """The list's columns with the shown analysis and its transcript; whether the learner agrees.

    The transcript is the newest while there is no result. It is absent where its words were
    removed, and where a run that works still needs what its learner does not agree to have stored.
    """
    result = aliased(Run)
    agrees = Learner.consent_transcript_storage
    heard = case(
        (S.result_run_id.is_(None), _of_newest(StoredTranscript.id)), else_=result.transcript_id
    )
    is_shown = and_(StoredTranscript.id == heard, S.transcript_removed_at.is_(None), agrees)
    return (
        _rows()
        .add_columns(StoredAnalysis, StoredTranscript, agrees.label("agrees"))
        .join(Learner, Learner.id == S.learner_id)
        .outerjoin(StoredAnalysis, StoredAnalysis.run_id == S.result_run_id)
        .outerjoin(result, result.id == S.result_run_id)
        .outerjoin(StoredTranscript, is_shown)
    )


def run_results(db: Session, session_id: UUID, run_id: UUID) -> RunResults | None:
    """What a run of this session found; None: there is no such run, or it found nothing."""
    runs = _runs(db, session_id, agrees=True)
    run = next((run for run in runs if run.id == run_id), None)
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


def _transcript(row: StoredTranscript) -> TranscriptShown:
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
_STAGE_SECONDS = (
    text("""
SELECT run_number, jsonb_object_agg(stage, seconds) AS stage_seconds
  FROM (SELECT run_number, stage, sum(extract(epoch FROM next_at - at))::float8 AS seconds
          FROM (SELECT run_number, stage, to_status, at,
                       lead(at) OVER (PARTITION BY run_number ORDER BY id) AS next_at
                  FROM session_events WHERE session_id = :session) events
         WHERE to_status = 'PROCESSING' AND stage IS NOT NULL AND next_at IS NOT NULL
         GROUP BY run_number, stage) stages
 GROUP BY run_number
""")
    .columns(column("run_number", Integer), column("stage_seconds", JSONB))
    .subquery()
)


def _runs(db: Session, session_id: UUID, *, agrees: bool) -> tuple[RunRecord, ...]:
    """All runs; of those that have no result, what was dropped is shown only with `agrees`."""
    rows = db.execute(
        select(Run, StoredAnalysis, _STAGE_SECONDS.c.stage_seconds)
        .outerjoin(StoredAnalysis, StoredAnalysis.run_id == Run.id)
        .outerjoin(_STAGE_SECONDS, _STAGE_SECONDS.c.run_number == Run.number)
        .where(Run.session_id == session_id)
        .order_by(Run.number),
        {"session": session_id},
    )
    return tuple(
        _run(run, analysis, seconds or {}, agrees=agrees) for run, analysis, seconds in rows
    )


def _run(
    run: Run, analysis: StoredAnalysis | None, seconds: dict[str, float], *, agrees: bool
) -> RunRecord:
    told = analysis if agrees or run.outcome == Outcome.COMPLETED else None
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
        dropped=from_json(Dropped, told.dropped) if told else (),
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
