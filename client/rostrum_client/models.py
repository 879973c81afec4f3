"""What the API answers, field by field as in its OpenAPI document; times carry their zone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Status = Literal["CREATED", "UPLOADED", "PROCESSING", "COMPLETED", "FAILED"]


class Model(BaseModel):
    """CamelCase on the wire; what a newer server adds is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Failure(Model):
    """Why the last attempt ended, and what happens next."""

    code: str
    message: str
    retryable: bool
    will_retry: bool


class Session(Model):
    """One session in short."""

    id: str
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
    error: Failure | None
    transcript_removed_at: datetime | None = None
    """Words and quotes are gone since then."""
    transcript_removed_because: str | None = None
    """`consent` or `retention`."""


class Target(Model):
    """Where a recording may be PUT, and how."""

    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


class Announced(Session):
    """A session that waits for its recording."""

    upload: Target


class Page(Model):
    """One page of the list, newest first."""

    sessions: list[Session]
    next_cursor: str | None


class Segment(Model):
    """A stretch of speech, in seconds of the talk."""

    index: int
    text: str
    start: float | None
    end: float | None
    suspect: bool
    estimated: bool


class Span(Model):
    """A stretch of time, in seconds of the talk."""

    start: float
    end: float


class Transcript(Model):
    """What was said."""

    text: str
    word_count: int
    language: str
    engine: str
    duration_seconds: float
    segments: list[Segment]
    silences: list[Span]
    unheard: list[Span]
    prompt_version: str | None


class Quote(Model):
    """The learner's words and their place; offsets count in `transcript.text`."""

    quote: str
    claimed: str
    status: Literal["verified", "repaired"]
    segment: int
    start: float | None
    end: float | None
    start_offset: int
    end_offset: int


class Insight(Model):
    """One habit."""

    id: str
    category: str
    pattern_key: str
    pattern: str
    detail: str
    frequency: int
    counted: int | None
    is_single_observation: bool
    severity: str
    examples: list[Quote]
    suggestion: str


class Strength(Model):
    """Something done well."""

    text: str
    quote: str | None
    """None, as its place, where the session's words were removed."""
    segment: int | None
    start: float | None
    end: float | None


class Moment(Model):
    """A place in the talk."""

    kind: str
    text: str
    segment: int
    start: float | None
    end: float | None
    start_offset: int
    end_offset: int


class Point(Model):
    """The value of one window of a series."""

    start: float
    end: float
    value: float


class Metric(Model):
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
    low: float | None
    high: float | None
    series: list[Point]
    moments: list[Moment]


class Dropped(Model):
    """What the model said and no evidence supports: not for learners."""

    kind: Literal["insight", "quote", "strength"]
    name: str
    reason: str
    answer: dict[str, Any]


class Run(Model):
    """One intended processing."""

    id: str
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
    cost_usd: Decimal | None
    dropped: list[Dropped]


class Event(Model):
    """One change of status or stage."""

    at: datetime
    from_: str | None = Field(alias="from")
    to: str
    stage: str | None
    run: int | None
    attempt: int | None
    actor: str
    error_code: str | None


class FollowUp(Model):
    """What became of a focus in the learner's next session."""

    session_id: str
    at: datetime
    focus: str
    key: str
    label: str
    unit: str
    before: float
    now: float | None
    outcome: Literal["improved", "same", "worse", "not_seen"]


class SessionDetail(Session):
    """Everything shown of one session."""

    summary: str | None
    focus_next: str | None
    focus_key: str | None
    last_focus: FollowUp | None
    intent_label: str | None
    transcript: Transcript | None
    strengths: list[Strength]
    insights: list[Insight]
    metrics: list[Metric]
    metrics_note: str | None
    metrics_rest_on: str | None
    runs: list[Run]
    events: list[Event]


class Pattern(Model):
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


class TrendPoint(Model):
    """A metric in one session."""

    session_id: str
    at: datetime
    value: float


class MetricTrend(Model):
    """A metric over the newest sessions, oldest first."""

    name: str
    label: str
    unit: str
    low: float | None
    high: float | None
    own_median: float
    points: list[TrendPoint]


class Profile(Model):
    """A learner's patterns, most widespread first."""

    user_id: str
    sessions_total: int
    words_total: int
    minutes_total: float
    patterns: list[Pattern]
    focuses: list[FollowUp]
    trends: list[MetricTrend]
    tracking: bool = True
    """False: the learner does not agree, so there are totals alone."""


class Consents(Model):
    """What a learner agrees to."""

    audio_storage: bool
    transcript_storage: bool
    pattern_tracking: bool
    changed_at: datetime | None
    """None: never; this holds without a word of theirs."""


class Counts(Model):
    """How many of each kind were deleted."""

    sessions: int
    recordings: int
    transcripts: int
    analyses: int
    insights: int
    metrics: int
    patterns: int
    verdicts: int
    reviews: int
    golden_cases: int


class Receipt(Model):
    """That a learner was erased, and how much that was."""

    id: str
    user_id: str
    erased_at: datetime
    counts: Counts


class LearnerExport(Model):
    """Everything held on a learner."""

    user_id: str
    consents: Consents
    profile: Profile
    sessions: list[dict[str, Any]]
    """Each session whole, as the server holds it."""
