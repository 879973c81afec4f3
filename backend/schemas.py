"""The API's JSON: what comes in, checked, and what goes out, in camelCase."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from pipeline import language
from pipeline.session import (
    Event,
    Example,
    Insight,
    Metric,
    RunRecord,
    SessionDetail,
    SessionRow,
    StrengthShown,
)
from pipeline.status import Scope, Status


def _printable(value: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError("control characters are not allowed")
    return value


def _known_language(value: str) -> str:
    if not language.is_known(value):
        raise ValueError("not a language code, nor auto")
    return value


UserId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_printable)
]
Language = Annotated[str, AfterValidator(_known_language)]
IdempotencyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)
]
Search = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]


class _In(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class _Out(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, from_attributes=True, frozen=True
    )


class Problem(BaseModel):
    """Every error."""

    error: str = Field(description="A sentence for people.")
    code: str = Field(description="Never changes; see docs/api.md.")


class SessionsQuery(_In):
    """Filters of the list."""

    user_id: UserId | None = None
    status: Status | None = None
    q: Search | None = Field(None, description="Looks in titles and learner ids.")
    limit: int = Field(50, ge=1, le=100)
    cursor: str | None = Field(None, description="`nextCursor` of the page before.")


class UploadIn(_In):
    """A recording that the app will send to storage itself."""

    user_id: UserId
    content_type: str = Field(pattern=r"^(audio|video)/[\w.+-]+$", max_length=100)
    size_bytes: int = Field(ge=1)
    title: Title | None = None
    language: Language = "en"


class RunIn(_In):
    """Which part to run again."""

    scope: Scope


class FailureOut(_Out):
    """Why the last attempt ended, and what happens next."""

    code: str
    message: str
    retryable: bool
    will_retry: bool


class SessionOut(_Out):
    """One session in short."""

    id: UUID
    user_id: str
    title: str | None
    language: str
    source: str
    status: Status
    stage: str | None
    status_changed_at: datetime
    created_at: datetime
    completed_at: datetime | None
    duration_seconds: float | None
    audio_held: bool
    audio_deleted_at: datetime | None
    queued: bool
    attempts: int
    word_count: int | None
    error_message: str | None
    error: FailureOut | None


class UploadTarget(_Out):
    """Where to send the recording, and how."""

    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


class PresignedOut(SessionOut):
    """A session that waits for its recording."""

    upload: UploadTarget


class PageOut(_Out):
    """One page of the list."""

    sessions: list[SessionOut]
    next_cursor: str | None


class SegmentOut(_Out):
    """A stretch of speech."""

    index: int
    text: str
    start: float | None
    end: float | None
    suspect: bool


class SilenceOut(_Out):
    """A measured silence."""

    start: float
    end: float


class TranscriptOut(_Out):
    """What was said."""

    text: str
    word_count: int
    language: str
    engine: str
    duration_seconds: float
    segments: list[SegmentOut]
    silences: list[SilenceOut]


class QuoteOut(_Out):
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


class InsightOut(_Out):
    """One habit."""

    id: UUID
    category: str
    pattern_key: str
    pattern: str
    detail: str
    frequency: int
    counted: int | None
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
            severity=insight.severity,
            examples=[QuoteOut.of(example) for example in insight.examples],
            suggestion=insight.suggestion,
        )


class StrengthOut(_Out):
    """Something done well."""

    text: str
    quote: str
    segment: int
    start: float | None
    end: float | None

    @classmethod
    def of(cls, strength: StrengthShown) -> StrengthOut:
        """A strength with its quote's place."""
        quote = strength.quote
        return cls(
            text=strength.text,
            quote=quote.text,
            segment=quote.segment,
            start=quote.start,
            end=quote.end,
        )


class MomentOut(_Out):
    """A place in the talk."""

    kind: str
    text: str
    segment: int
    start: float | None
    end: float | None
    start_offset: int
    end_offset: int


class MetricOut(_Out):
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
    moments: list[MomentOut]

    @classmethod
    def of(cls, metric: Metric) -> MetricOut:
        """A metric."""
        return cls.model_validate(metric)


class RunOut(_Out):
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
    cost_usd: Decimal | None

    @classmethod
    def of(cls, run: RunRecord) -> RunOut:
        """A run."""
        return cls.model_validate(run)


class EventOut(_Out):
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
    intent_label: str | None
    transcript: TranscriptOut | None
    strengths: list[StrengthOut]
    insights: list[InsightOut]
    metrics: list[MetricOut]
    metrics_note: str | None
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
            intent_label=detail.intent_label,
            transcript=TranscriptOut.model_validate(heard) if heard else None,
            strengths=[StrengthOut.of(strength) for strength in detail.strengths],
            insights=[InsightOut.of(insight) for insight in detail.insights],
            metrics=[MetricOut.of(metric) for metric in detail.metrics],
            metrics_note=detail.metrics_note,
            runs=[RunOut.of(run) for run in detail.runs],
            events=[EventOut.of(event) for event in detail.events],
        )


def session_out(row: SessionRow) -> SessionOut:
    """A session in short."""
    return SessionOut.model_validate(row)


class PatternOut(_Out):
    """One pattern of a learner."""

    pattern_key: str
    pattern: str
    category: str
    sessions_seen: int
    sessions_total: int
    occurrences: int
    rate_per_1000_words: float | None = Field(alias="ratePer1000Words")
    first_seen_at: datetime
    last_seen_at: datetime
    last_severity: str
    trend: str | None


class ProfileOut(_Out):
    """A learner's patterns, most widespread first."""

    user_id: str
    sessions_total: int
    words_total: int
    minutes_total: float
    patterns: list[PatternOut]


class DeliveryOut(_Out):
    """What became of a delivery."""

    ok: Literal[True] = True
    status: Literal["COMPLETED"] | None = None
    duplicate: Literal[True] | None = None


class SweepOut(_Out):
    """What one sweep did."""

    ok: Literal[True] = True
    published: int
    resumed: int
    expired: int
    audio_deleted: int
    orphans_deleted: int
    failures: int


class MarkedOut(_Out):
    """What became of a failure callback."""

    ok: Literal[True] = True
    marked: bool = Field(description="False: the run is not the newest, or unknown.")
