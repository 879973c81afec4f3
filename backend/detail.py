"""One session whole, as the API answers it: transcript, feedback, metrics, runs, events."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from backend.schemas import FollowUpOut, Out, SessionOut, session_out
from pipeline.session import (
    Event,
    Example,
    Insight,
    Metric,
    RunRecord,
    SessionDetail,
    StrengthShown,
)


class SegmentOut(Out):
    """A stretch of speech."""

    index: int
    text: str
    start: float | None
    end: float | None
    suspect: bool
    estimated: bool = Field(
        description="The engine gave no times: `start` and `end` are reckoned from the speech."
    )


class SilenceOut(Out):
    """A stretch of time, in seconds."""

    start: float
    end: float


class TranscriptOut(Out):
    """What was said."""

    text: str
    word_count: int
    language: str
    engine: str
    duration_seconds: float
    segments: list[SegmentOut]
    silences: list[SilenceOut]
    unheard: list[SilenceOut] = Field(
        description="Where there was sound for long and the engine wrote no word."
    )
    prompt_version: str | None


class QuoteOut(Out):
    """The learner's words and their place; offsets count in `transcript.text`."""

    quote: str
    claimed: str
    status: Literal["verified", "repaired"]
    segment: int
    start: float | None
    end: float | None
    start_offset: int
    end_offset: int

    @classmethod
    def of(cls, example: Example) -> QuoteOut:
        """The quote of a located example."""
        return cls(
            quote=example.text,
            claimed=example.claimed,
            status=example.status,
            segment=example.segment,
            start=example.start,
            end=example.end,
            start_offset=example.start_offset,
            end_offset=example.end_offset,
        )


class InsightOut(Out):
    """One habit."""

    id: UUID
    category: str
    pattern_key: str
    pattern: str
    detail: str
    frequency: int
    counted: int | None
    is_single_observation: bool = Field(
        description="One place shows it and no count says more: a slip until it is heard again."
    )
    severity: str
    examples: list[QuoteOut]
    suggestion: str

    @classmethod
    def of(cls, insight: Insight) -> InsightOut:
        """An insight with its quotes."""
        return cls(
            id=insight.id,
            category=insight.category,
            pattern_key=insight.pattern_key,
            pattern=insight.pattern,
            detail=insight.detail,
            frequency=insight.frequency,
            counted=insight.counted,
            is_single_observation=insight.is_single_observation,
            severity=insight.severity,
            examples=[QuoteOut.of(example) for example in insight.examples],
            suggestion=insight.suggestion,
        )


class StrengthOut(Out):
    """Something done well."""

    text: str
    quote: str | None = Field(description="Null, as its place: the words were removed.")
    segment: int | None
    start: float | None
    end: float | None

    @classmethod
    def of(cls, strength: StrengthShown) -> StrengthOut:
        """A strength with its quote's place."""
        quote = strength.quote
        return cls(
            text=strength.text,
            quote=quote.text if quote else None,
            segment=quote.segment if quote else None,
            start=quote.start if quote else None,
            end=quote.end if quote else None,
        )


class MomentOut(Out):
    """A place in the talk."""

    kind: str
    text: str
    segment: int
    start: float | None
    end: float | None
    start_offset: int
    end_offset: int


class PointOut(Out):
    """The value of one window of a series, in seconds of the talk."""

    start: float
    end: float
    value: float


class MetricOut(Out):
    """One figure, and what it rests on."""

    name: str
    label: str
    value: float
    unit: str
    numerator: float | None
    denominator: float | None
    formula_version: str
    band: str | None
    basis: str
    low: float | None = Field(description="The band's lower limit; null: it has none.")
    high: float | None
    series: list[PointOut] = Field(description="The value over time, where it has one.")
    moments: list[MomentOut]

    @classmethod
    def of(cls, metric: Metric) -> MetricOut:
        """A metric."""
        return cls.model_validate(metric)


class DroppedOut(Out):
    """What the model said and no evidence supports: not for learners."""

    kind: Literal["insight", "quote", "strength"]
    name: str
    reason: str
    answer: dict[str, Any] = Field(description="As the model gave it.")


class RunOut(Out):
    """One intended processing."""

    id: UUID
    number: int
    scope: str
    trigger: str
    requested_by: str
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    outcome: str | None
    error_code: str | None
    stage_seconds: dict[str, float]
    model: str | None
    prompt_version: str | None
    schema_version: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost_usd: Decimal | None = Field(description="Null: the model's price is not known.")
    dropped: list[DroppedOut]

    @classmethod
    def of(cls, run: RunRecord) -> RunOut:
        """A run."""
        return cls.model_validate(run)


class EventOut(Out):
    """One change of status or stage."""

    at: datetime
    from_: str | None = Field(alias="from")
    to: str
    stage: str | None
    run: int | None
    attempt: int | None
    actor: str
    error_code: str | None

    @classmethod
    def of(cls, event: Event) -> EventOut:
        """An event."""
        return cls(
            at=event.at,
            **{"from": event.from_status},
            to=event.to_status,
            stage=event.stage,
            run=event.run,
            attempt=event.attempt,
            actor=event.actor,
            error_code=event.error_code,
        )


class SessionDetailOut(SessionOut):
    """Everything shown of one session."""

    summary: str | None
    focus_next: str | None
    focus_key: str | None = Field(
        description="The pattern key or metric that the focus is about; null: cannot be told."
    )
    last_focus: FollowUpOut | None
    intent_label: str | None
    transcript: TranscriptOut | None = Field(
        description="Null: there is none yet, or its words were removed (`transcriptRemovedAt`)."
    )
    strengths: list[StrengthOut]
    insights: list[InsightOut]
    metrics: list[MetricOut]
    metrics_note: str | None
    metrics_rest_on: str | None = Field(
        description="One line: the engine, and how much of the talk it could hear."
    )
    runs: list[RunOut]
    events: list[EventOut]

    @classmethod
    def of(cls, detail: SessionDetail) -> SessionDetailOut:
        """A session whole."""
        short = session_out(detail.row)
        heard = detail.transcript
        return cls(
            **{name: getattr(short, name) for name in SessionOut.model_fields},
            summary=detail.summary,
            focus_next=detail.focus_next,
            focus_key=detail.focus_key,
            last_focus=FollowUpOut.model_validate(detail.last_focus) if detail.last_focus else None,
            intent_label=detail.intent_label,
            transcript=TranscriptOut.model_validate(heard) if heard else None,
            strengths=[StrengthOut.of(strength) for strength in detail.strengths],
            insights=[InsightOut.of(insight) for insight in detail.insights],
            metrics=[MetricOut.of(metric) for metric in detail.metrics],
            metrics_note=detail.metrics_note,
            metrics_rest_on=heard.rests_on if heard else None,
            runs=[RunOut.of(run) for run in detail.runs],
            events=[EventOut.of(event) for event in detail.events],
        )
