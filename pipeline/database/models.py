"""The tables. Statuses are text with a CHECK, times carry their zone, keys are in time order."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.consent import Removal
from pipeline.database.base import Base, new_id, one_of
from pipeline.database.session_indexes import SESSION_INDEXES
from pipeline.status import Outcome, Scope, Stage, Status, Trigger


class Learner(Base):
    """A person who records; the id is the company's own."""

    __tablename__ = "learners"
    __table_args__ = (
        # For the search by how an id begins: the key's own order is the language's.
        Index("ix_learners_id_prefix", "id", postgresql_ops={"id": "text_pattern_ops"}),
        Index(
            "ix_learners_words_refused",
            "id",
            postgresql_where=text("NOT consent_transcript_storage"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    consent_audio_storage: Mapped[bool] = mapped_column(server_default=true())
    consent_transcript_storage: Mapped[bool] = mapped_column(server_default=true())
    consent_pattern_tracking: Mapped[bool] = mapped_column(server_default=true())
    """What each stops stands in `pipeline/consent.py`."""
    consents_changed_at: Mapped[datetime | None]


class SpeakingSession(Base):
    """One recording and where it stands."""

    __tablename__ = "sessions"
    __table_args__ = (
        one_of("status", Status),
        one_of("stage", Stage),
        one_of("transcript_removed_because", Removal),
        *SESSION_INDEXES,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    learner_id: Mapped[str] = mapped_column(ForeignKey("learners.id", ondelete="CASCADE"))
    title: Mapped[str | None]
    names: Mapped[str] = mapped_column(
        Computed("lower(coalesce(title, '') || chr(10) || learner_id)", persisted=True),
        deferred=True,
    )
    """Title and learner in small letters: the list searches them without folding each anew."""
    language: Mapped[str]
    source: Mapped[str]
    """Who sent it: `app` or `test`."""
    status: Mapped[str] = mapped_column(server_default=text(f"'{Status.CREATED}'"))
    stage: Mapped[str | None]
    status_changed_at: Mapped[datetime]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]

    audio_key: Mapped[str | None]
    audio_content_type: Mapped[str | None]
    audio_bytes: Mapped[int | None] = mapped_column(BigInteger)
    duration_seconds: Mapped[float | None]
    uploaded_at: Mapped[datetime | None]
    audio_deleted_at: Mapped[datetime | None]
    audio_digest: Mapped[str | None] = mapped_column(index=True)
    """SHA-256 of the recording, in hexadecimal: tells when the same one is sent again."""

    run_id: Mapped[uuid.UUID | None]
    """The newest run: deliveries of any other are stale."""
    result_run_id: Mapped[uuid.UUID | None]
    """The run whose results are shown: the last that succeeded."""

    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Fencing token: grows with each claim; every write of a worker names it."""
    lease_expires_at: Mapped[datetime | None]

    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_retryable: Mapped[bool | None]
    will_retry: Mapped[bool | None]
    assigned_to: Mapped[str | None]
    """Who shall review it."""
    retry_due_at: Mapped[datetime | None]
    """The queue brings the failed message again until then, or has lost it."""
    transcript_removed_at: Mapped[datetime | None]
    """The words are gone from all its runs: figures, advice and counts stay."""
    transcript_removed_because: Mapped[str | None]


class Run(Base):
    """One intended processing of a session."""

    __tablename__ = "runs"
    __table_args__ = (
        one_of("scope", Scope),
        one_of("trigger", Trigger),
        one_of("outcome", Outcome),
        UniqueConstraint("session_id", "number"),
        Index("ix_runs_open", "created_at", postgresql_where=text("outcome IS NULL")),
        Index(
            "ix_runs_untold",
            "finished_at",
            postgresql_where=text("outcome IS DISTINCT FROM notified_outcome"),
        ),
        Index("ix_runs_finished_at", "finished_at", postgresql_include=["outcome", "attempts"]),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    number: Mapped[int]
    scope: Mapped[str]
    trigger: Mapped[str]
    requested_by: Mapped[str]
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    publications: Mapped[int] = mapped_column(server_default=text("0"))
    """How often it was handed to the queue; part of the deduplication id."""
    handed_over_at: Mapped[datetime | None]
    """When that was last begun; `queued_at` is when the queue had taken it."""
    message_id: Mapped[str | None]
    """The queue's id of the message that it took last."""
    outcome: Mapped[str | None]
    error_code: Mapped[str | None]
    notified_outcome: Mapped[str | None]
    """The end that the company's app was told of last."""
    notice_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    notice_due_at: Mapped[datetime | None]
    """When it is tried again."""
    transcript_id: Mapped[uuid.UUID | None]
    """The transcript it made, or took over from an earlier run."""


class StoredTranscript(Base):
    """What Whisper heard, committed before the audio goes."""

    __tablename__ = "transcripts"
    __table_args__ = (
        Index("ix_transcripts_searchable", "searchable", postgresql_using="gin"),
        # Those that hold words, the oldest first.
        Index("ix_transcripts_words_held", "created_at", postgresql_where=text("text <> ''")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    run_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), unique=True
    )
    text: Mapped[str]
    word_count: Mapped[int]
    language: Mapped[str]
    duration_seconds: Mapped[float]
    engine: Mapped[str]
    segments: Mapped[list[dict[str, Any]]]
    silences: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime]
    prompt_version: Mapped[str | None]
    """None where nobody wrote it down."""
    searchable: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple'::regconfig, text)", persisted=True), deferred=True
    )
    """Its words, for the list's search; of no language, since talks are in several."""


class StoredPart(Base):
    """What Whisper heard in one part of a long recording, until the transcript is whole."""

    __tablename__ = "transcript_parts"

    run_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start_seconds: Mapped[float]
    end_seconds: Mapped[float]
    language: Mapped[str]
    engine: Mapped[str]
    prompt_version: Mapped[str]
    segments: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime]


class StoredAnalysis(Base):
    """What Claude answered and we accepted, committed before it becomes the session's result."""

    __tablename__ = "analyses"
    __table_args__ = (
        # Tokens and cost by day.
        Index(
            "ix_analyses_created_at",
            "created_at",
            postgresql_include=[
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "cost_usd",
            ],
        ),
        # Which prompts there are, and since when.
        Index("ix_analyses_prompt_version_created_at", "prompt_version", "created_at"),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
    metrics_note: Mapped[str | None]
    """Why rates are missing, where they are."""
    summary: Mapped[str]
    focus_next: Mapped[str]
    focus_key: Mapped[str | None]
    """The pattern or metric that the focus is about; absent where it cannot be told."""
    intent_label: Mapped[str]
    strengths: Mapped[list[dict[str, Any]]]
    findings: Mapped[list[dict[str, Any]]]
    """Insights whose quotes were found; rows of `insights` once the run completes."""
    dropped: Mapped[list[dict[str, Any]]]
    """What no evidence supports, each with its reason."""
    model: Mapped[str]
    prompt_version: Mapped[str]
    schema_version: Mapped[str]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cache_read_tokens: Mapped[int]
    cache_write_tokens: Mapped[int]
    cost_usd: Mapped[Decimal | None]
    created_at: Mapped[datetime]


class Insight(Base):
    """One habit found by a completed run."""

    __tablename__ = "insights"
    __table_args__ = (
        UniqueConstraint("run_id", "position"),
        # All that a profile reads of an insight, so that thousands of them cost no heap access.
        Index(
            "ix_insights_profile",
            "run_id",
            postgresql_include=["pattern_key", "counted", "frequency"],
        ),
        # The list, filtered by pattern: session keys are in the list's order.
        Index(
            "ix_insights_pattern_key_session_id",
            "pattern_key",
            "session_id",
            postgresql_include=["run_id", "severity"],
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    position: Mapped[int]
    category: Mapped[str]
    pattern_key: Mapped[str]
    pattern: Mapped[str]
    detail: Mapped[str]
    frequency: Mapped[int]
    """The model's claim."""
    counted: Mapped[int | None]
    """What code counts, where it can."""
    severity: Mapped[str]
    suggestion: Mapped[str]
    examples: Mapped[list[dict[str, Any]]]


class StoredMetric(Base):
    """One figure of a completed run. A metric that cannot be said has no row."""

    __tablename__ = "metrics"
    __table_args__ = (UniqueConstraint("run_id", "name"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    name: Mapped[str]
    label: Mapped[str]
    value: Mapped[float]
    unit: Mapped[str]
    numerator: Mapped[float | None]
    denominator: Mapped[float | None]
    formula_version: Mapped[str]
    band: Mapped[str | None]
    basis: Mapped[str]
    moments: Mapped[list[dict[str, Any]]]
    low: Mapped[float | None]
    high: Mapped[float | None]
    """The band's limits when it was measured."""
    series: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))


class PatternProfile(Base):
    """How often a learner shows a pattern: derived, never incremented."""

    __tablename__ = "pattern_profiles"

    learner_id: Mapped[str] = mapped_column(
        ForeignKey("learners.id", ondelete="CASCADE"), primary_key=True
    )
    pattern_key: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    pattern: Mapped[str]
    """The newest wording."""
    sessions_seen: Mapped[int]
    sessions_total: Mapped[int]
    occurrences: Mapped[int]
    rate_per_1000_words: Mapped[float | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    last_severity: Mapped[str]
    trend: Mapped[str | None]
    """`new`, `persisting`, `improving` or `resolved`; absent below three sessions."""


class SessionEvent(Base):
    """One change of status or stage: the timeline, nothing reconstructed."""

    __tablename__ = "session_events"
    __table_args__ = (
        Index("ix_session_events_session_id_id", "session_id", "id"),
        Index("ix_session_events_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    stage: Mapped[str | None]
    run_number: Mapped[int | None]
    attempt: Mapped[int | None]
    actor: Mapped[str]
    error_code: Mapped[str | None]


class IdempotencyKey(Base):
    """The first answer to an upload, for a day."""

    __tablename__ = "idempotency_keys"

    learner_id: Mapped[str] = mapped_column(
        ForeignKey("learners.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
