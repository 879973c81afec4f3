"""The API's JSON: what comes in, checked, and what goes out, in camelCase."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from pipeline import language
from pipeline.consent import Removal
from pipeline.letter import Purpose
from pipeline.review import Format
from pipeline.session import SessionRow
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
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_printable)]
Search = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]


# With the parameters that browsers' recorders add: `audio/webm;codecs=opus`.
_MEDIA_TYPE = (
    r"^[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+"
    r'( ?; ?[A-Za-z0-9_-]+=([A-Za-z0-9.+_-]+|"[A-Za-z0-9 ,.+_-]*"))*$'
)


class _In(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Out(BaseModel):
    """What goes out: camelCase, read off our frozen values."""

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


class ExportQuery(_In):
    """Which file to make of a session."""

    format: Format = Field(
        description="`markdown` and `html`: the learner's report; `json`: the session whole."
    )


class UploadIn(_In):
    """A recording that the app will send to storage itself."""

    user_id: UserId
    content_type: str = Field(
        pattern=_MEDIA_TYPE, max_length=100, description="`audio/…` or `video/…`, as it is sent"
    )
    size_bytes: int = Field(ge=1, strict=True)
    title: Title | None = None
    language: Language = "en"


Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]{0,39}$")]


class LettersQuery(_In):
    """Which dead letters to list."""

    code: Code | None = Field(None, description="Our code in the last answer; see docs/api.md.")
    limit: int = Field(50, ge=1, le=100)
    cursor: Cursor | None = Field(None, description="`nextCursor` of the page before.")


class RetryIn(_In):
    """Which dead letters to retry."""

    code: Code | None = Field(None, description="Only letters of this code; null: of any.")


class RunIn(_In):
    """Which part to run again."""

    scope: Scope


class FailureOut(Out):
    """Why the last attempt ended, and what happens next."""

    code: str
    message: str
    retryable: bool
    will_retry: bool


class SessionOut(Out):
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
    transcript_removed_at: datetime | None = Field(
        description="The words and quotes are gone since then; null: they are not."
    )
    transcript_removed_because: Removal | None = Field(
        description="`consent`: the learner does not agree to their storage; `retention`: they "
        "were kept as long as they may be."
    )


class UploadTarget(Out):
    """Where to send the recording, and how."""

    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


class PresignedOut(SessionOut):
    """A session that waits for its recording."""

    upload: UploadTarget


class PageOut(Out):
    """One page of the list."""

    sessions: list[SessionOut]
    next_cursor: str | None


def session_out(row: SessionRow) -> SessionOut:
    """A session in short."""
    return SessionOut.model_validate(row)


class PatternOut(Out):
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


class FollowUpOut(Out):
    """What became of a focus in the learner's next session."""

    session_id: UUID = Field(description="Whose focus it was.")
    at: datetime
    focus: str
    key: str = Field(description="The pattern key or metric that it was about.")
    label: str
    unit: str
    before: float
    now: float | None = Field(description="Null: not among the findings this time.")
    outcome: Literal["improved", "same", "worse", "not_seen"]


class TrendPointOut(Out):
    """A metric in one session."""

    session_id: UUID
    at: datetime
    value: float


class MetricTrendOut(Out):
    """A metric over the newest sessions, oldest first; at least three of them."""

    name: str
    label: str
    unit: str
    low: float | None
    high: float | None
    own_median: float = Field(description="What is usual for this learner.")
    points: list[TrendPointOut]


class ProfileOut(Out):
    """A learner's patterns, most widespread first."""

    user_id: str
    sessions_total: int
    words_total: int
    minutes_total: float
    patterns: list[PatternOut]
    focuses: list[FollowUpOut] = Field(
        description="What became of each focus, newest first, where that can be told."
    )
    trends: list[MetricTrendOut]
    tracking: bool = Field(
        description="False: the learner does not agree; patterns, focuses and trends are empty."
    )


class ConsentsIn(_In):
    """What a learner agrees to."""

    audio_storage: StrictBool = Field(
        description="False: the recording of a run that is given up goes at once."
    )
    transcript_storage: StrictBool = Field(
        description="False: words and quotes go when their run ends; figures and advice stay."
    )
    pattern_tracking: StrictBool = Field(
        description="False: no profile is derived, and no focus is followed up."
    )


class DeliveryOut(Out):
    """What became of a delivery."""

    ok: Literal[True] = True
    status: Literal["COMPLETED"] | None = None
    duplicate: Literal[True] | None = None


class SweepOut(Out):
    """What one sweep did."""

    ok: Literal[True] = True
    published: int
    resumed: int
    given_up: int
    expired: int
    audio_deleted: int
    words_removed: int
    sessions_deleted: int
    orphans_deleted: int
    told: int
    jobs_continued: int
    failures: int


class MarkedOut(Out):
    """What became of a failure callback."""

    ok: Literal[True] = True
    marked: bool = Field(description="False: the run is not the newest, or unknown.")


class DeadLetterOut(Out):
    """A message that the queue gave up, and where its session stands now."""

    id: str = Field(description="The queue's own id.")
    purpose: Purpose = Field(description="Which webhook it was for.")
    session_id: UUID | None
    run_id: UUID | None
    response_status: int | None = Field(description="Of the last answer; null: none came.")
    code: str | None = Field(description="Our code in the last answer; null: not our answer.")
    deliveries: int | None = Field(
        description="How many were made; null: an answer ended them early."
    )
    created_at: datetime = Field(description="When the message was published.")
    user_id: str | None
    title: str | None
    session_status: Status | None = Field(description="Null: the session is gone.")
    attempts: int | None = Field(description="How many deliveries worked on the run.")
    is_newest_run: bool
    retryable: bool = Field(description="Whether a retry can help.")
    reason: str | None = Field(description="Why not, in a sentence.")


class LettersOut(Out):
    """Some of the dead letters, in the queue's order."""

    letters: list[DeadLetterOut]
    next_cursor: str | None


class RetriedOut(Out):
    """A run that is open again."""

    session_id: UUID
    run_id: UUID
    queued: bool = Field(
        description="False: the queue did not take it now; the sweeper publishes the run."
    )


class RetryReportOut(Out):
    """What became of the letters that matched."""

    retried: int = Field(description="Back in the queue.")
    refused: int = Field(description="No retry would help them; they are still there.")
    failed: int = Field(description="Open again; the sweeper publishes their runs.")
    more: bool = Field(description="The call ended before the last letter: call again.")
