"""A session as people read it: frozen values, which the API and the dashboard draw from.

Times are in UTC; `*_seconds`, `start` and `end` are seconds; offsets count characters in the
transcript's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from pipeline.consent import Removal
from pipeline.finding import Dropped
from pipeline.focus import FollowUp
from pipeline.progress import MetricTrend, TrendPoint
from pipeline.speech.fillers import Moment
from pipeline.speech.metric import Metric, Point
from pipeline.speech.metrics import rests_on
from pipeline.speech.quotes import LocatedQuote
from pipeline.speech.transcript import Segment, Silence, unheard_in
from pipeline.status import Outcome, Scope, Stage, Status, Trigger

__all__ = [
    "Dropped",
    "Event",
    "Example",
    "Failure",
    "FollowUp",
    "Insight",
    "Metric",
    "MetricTrend",
    "Moment",
    "Page",
    "PatternStanding",
    "Point",
    "Profile",
    "RunRecord",
    "RunResults",
    "SessionDetail",
    "SessionRow",
    "StrengthShown",
    "TranscriptShown",
    "TrendPoint",
]

Example: TypeAlias = LocatedQuote


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last attempt ended, and what happens next."""

    code: str
    message: str
    retryable: bool
    will_retry: bool
    """Another delivery is expected: nobody needs to act."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One line of the list."""

    id: UUID
    user_id: str
    title: str | None
    language: str
    source: str
    status: Status
    stage: Stage | None
    status_changed_at: datetime
    created_at: datetime
    completed_at: datetime | None
    duration_seconds: float | None
    audio_bytes: int | None
    audio_content_type: str | None
    audio_held: bool
    """The recording is still in storage."""
    audio_deleted_at: datetime | None
    queued: bool
    """The newest run was handed to the queue."""
    attempts: int
    """Attempts of the newest run."""
    word_count: int | None
    insights_high: int
    insights_medium: int
    insights_low: int
    error: Failure | None
    transcript_removed_at: datetime | None
    """The words are gone from all its runs; what is counted of them stays."""
    transcript_removed_because: Removal | None

    @property
    def error_message(self) -> str | None:
        """The failure's sentence, under the name that the company's app uses."""
        return self.error.message if self.error else None


@dataclass(frozen=True, slots=True)
class TranscriptShown:
    """What was said, in the last successful run or, before there is one, the newest."""

    text: str
    word_count: int
    language: str
    engine: str
    duration_seconds: float
    segments: tuple[Segment, ...]
    silences: tuple[Silence, ...]
    prompt_version: str | None
    """What the engine was told beforehand; None where nobody wrote it down."""

    @property
    def estimated(self) -> bool:
        """The engine gave no times: those of the segments are reckoned."""
        return any(segment.estimated for segment in self.segments)

    @property
    def rests_on(self) -> str:
        """One line on what the figures rest on."""
        has_times = any(segment.words for segment in self.segments)
        return rests_on(self.engine, self.segments, self.silences, has_times=has_times)

    @property
    def unheard(self) -> tuple[Silence, ...]:
        """Where there was sound for long and the engine wrote no word."""
        return unheard_in(self.segments, self.silences)


@dataclass(frozen=True, slots=True)
class Insight:
    """One habit, with the places that show it."""

    id: UUID
    category: str
    pattern_key: str
    pattern: str
    detail: str
    frequency: int
    """The model's claim."""
    counted: int | None
    """What code counts, where it can."""
    severity: str
    examples: tuple[Example, ...]
    """None where the session's words were removed."""
    places: int
    """How many examples it was found with."""
    suggestion: str

    @property
    def is_single_observation(self) -> bool:
        """One place shows it and no count says more: a slip until it is heard again."""
        return self.places == 1 and (self.counted or 0) <= 1


@dataclass(frozen=True, slots=True)
class StrengthShown:
    """Something done well, with the words that show it."""

    text: str
    quote: Example | None
    """None where the session's words were removed."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One intended processing and how it went."""

    id: UUID
    number: int
    scope: Scope
    trigger: Trigger
    requested_by: str
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    outcome: Outcome | None
    error_code: str | None
    stage_seconds: Mapping[str, float]
    model: str | None
    prompt_version: str | None
    schema_version: str | None
    input_tokens: int | None
    """Neither read from the cache nor written to it."""
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost_usd: Decimal | None
    """None where the model's price is unknown, never 0."""
    dropped: tuple[Dropped, ...]
    """What the model said and no evidence supports: never shown to a learner."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of status or stage."""

    at: datetime
    from_status: Status | None
    to_status: Status
    stage: Stage | None
    run: int | None
    """The run's number."""
    attempt: int | None
    actor: str
    error_code: str | None


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """Everything that is shown of one session."""

    row: SessionRow
    result_run_id: UUID | None
    """The run whose results these are: the last that succeeded, or one that staff chose."""
    transcript: TranscriptShown | None
    summary: str | None
    focus_next: str | None
    focus_key: str | None
    """The pattern or metric that the focus is about, where code could tell."""
    last_focus: FollowUp | None
    """What became of the focus of the learner's session before; None where it cannot be told."""
    intent_label: str | None
    strengths: tuple[StrengthShown, ...]
    insights: tuple[Insight, ...]
    """By severity high, medium, low, then position."""
    metrics: tuple[Metric, ...]
    metrics_note: str | None
    """Why rates are missing, where they are."""
    runs: tuple[RunRecord, ...]
    """Oldest first."""
    events: tuple[Event, ...]
    """Oldest first."""

    @property
    def withholds_words(self) -> bool:
        """A run needs words still that the learner does not agree to have stored: none is shown."""
        is_transcribed = self.row.word_count is not None
        return is_transcribed and self.transcript is None and not self.row.transcript_removed_at

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What the run that is shown left out."""
        shown = (run.dropped for run in self.runs if run.id == self.result_run_id)
        return next(shown, ())


@dataclass(frozen=True, slots=True)
class RunResults:
    """What one completed run found, shown or not."""

    run: RunRecord
    summary: str
    focus_next: str
    insights: tuple[Insight, ...]
    """By severity high, medium, low, then position."""
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list, newest first."""

    sessions: tuple[SessionRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PatternStanding:
    """One pattern of a learner over their sessions."""

    pattern_key: str
    pattern: str
    category: str
    sessions_seen: int
    sessions_total: int
    occurrences: int
    rate_per_1000_words: float | None
    first_seen_at: datetime
    last_seen_at: datetime
    last_severity: str
    trend: str | None
    """`new`, `persisting`, `improving` or `resolved`; None below three sessions."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A learner's patterns, most frequent first."""

    user_id: str
    sessions_total: int
    """Completed sessions."""
    words_total: int
    minutes_total: float
    patterns: tuple[PatternStanding, ...]
    focuses: tuple[FollowUp, ...]
    """What became of the newest sessions' focuses, newest first."""
    trends: tuple[MetricTrend, ...]
    """Metrics over the newest sessions; none below three."""
    tracking: bool = True
    """False: the learner does not agree, so there are no patterns, focuses and trends."""
