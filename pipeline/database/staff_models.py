"""The tables of what staff do: verdicts, reviews, golden cases, bulk jobs, and the audit.

Beside them what their pages read often: each result in one line, the golden set's runs, the
sweeps.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.bulk_action import BulkAction, BulkState
from pipeline.database.base import Base, new_id, one_of
from pipeline.staff import AuditAction
from pipeline.verdict import ReviewState, Verdict


class ResultSummary(Base):
    """A session's shown result in one line of figures: derived, so that lists stay fast."""

    __tablename__ = "result_summaries"
    __table_args__ = (
        Index("ix_result_summaries_prompt_version_session_id", "prompt_version", "session_id"),
        Index("ix_result_summaries_model_session_id", "model", "session_id"),
        # The few that stand out, in the order of the list.
        Index("ix_result_summaries_high", "session_id", postgresql_where=text("high > 0")),
        Index(
            "ix_result_summaries_low_evidence",
            "session_id",
            postgresql_include=["evidence_share"],
            postgresql_where=text("evidence_share < 0.8"),
        ),
        Index(
            "ix_result_summaries_suspect",
            "session_id",
            postgresql_include=["suspect_share"],
            postgresql_where=text("suspect_share > 0.2"),
        ),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    """Indexed for deleting: each run that goes is looked for here."""
    words: Mapped[int]
    words_per_minute: Mapped[float | None]
    suspect_share: Mapped[float]
    """Of the transcript's segments, 0–1."""
    evidence_share: Mapped[float | None]
    """Of the quotes that the model gave, those that were found, 0–1; None: it gave none."""
    high: Mapped[int]
    medium: Mapped[int]
    low: Mapped[int]
    model: Mapped[str]
    prompt_version: Mapped[str]
    cost_usd: Mapped[Decimal | None]


class StoredVerdict(Base):
    """What one person says of one insight; their last word counts."""

    __tablename__ = "verdicts"
    __table_args__ = (
        one_of("verdict", Verdict),
        UniqueConstraint("insight_id", "reviewer"),
        Index("ix_verdicts_created_at", "created_at"),
        # All that precision is counted from, in the order of "the first verdict of each insight".
        Index(
            "ix_verdicts_insight_id_created_at",
            "insight_id",
            "created_at",
            postgresql_include=["verdict", "category", "prompt_version", "model"],
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    insight_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("insights.id", ondelete="CASCADE"))
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    category: Mapped[str]
    prompt_version: Mapped[str]
    model: Mapped[str]
    """These three are the insight's and its run's, which never change: copied, so that precision
    is counted without a look at a million insights."""
    reviewer: Mapped[str]
    verdict: Mapped[str]
    rewrite: Mapped[str | None]
    """How the insight should have been worded."""
    note: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    """Grows with each change: a write names the one that it saw."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class StoredReview(Base):
    """One person's review of one run: the lock while it is open, the record afterwards."""

    __tablename__ = "reviews"
    __table_args__ = (
        one_of("state", ReviewState),
        CheckConstraint("round IN (1, 2)", name="round"),
        UniqueConstraint("run_id", "reviewer"),
        # Of each round there is one: two people never review the same, and both are different.
        Index(
            "uq_reviews_run_id_round",
            "run_id",
            "round",
            unique=True,
            postgresql_where=text("state <> 'skipped'"),
        ),
        Index("ix_reviews_reviewer_finished_at", "reviewer", "finished_at"),
        Index("ix_reviews_open", "session_id", postgresql_where=text("state = 'open'")),
        Index("ix_reviews_second", "finished_at", postgresql_where=text("round = 2")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    reviewer: Mapped[str]
    round: Mapped[int]
    """1: the first review. 2: the blind second one, by somebody else."""
    state: Mapped[str]
    reason: Mapped[str | None]
    """Why it was skipped."""
    note: Mapped[str | None]
    started_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    """While it is open: afterwards somebody else may take it."""
    finished_at: Mapped[datetime | None]


class GoldenCase(Base):
    """A talk that staff labelled by correcting an insight; goes with its session."""

    __tablename__ = "golden_cases"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), index=True
    )
    insight_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("insights.id", ondelete="CASCADE"), unique=True
    )
    case: Mapped[dict[str, Any]]
    """As a line of `golden/*.jsonl`."""
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class GoldenRun(Base):
    """One run of the golden set, as `make eval` scored it."""

    __tablename__ = "golden_runs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime]
    model: Mapped[str]
    prompt_version: Mapped[str]
    talks: Mapped[int]
    figures: Mapped[dict[str, Any]]
    """Name of the figure → its value, or null where it cannot be told."""
    findings: Mapped[dict[str, Any]]
    """Talk's id → what was found right, missed, and found wrongly: pattern keys."""


class BulkJob(Base):
    """Something to be done to many sessions, worked off in the background."""

    __tablename__ = "bulk_jobs"
    __table_args__ = (
        one_of("action", BulkAction),
        one_of("state", BulkState),
        Index("ix_bulk_jobs_running", "id", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    action: Mapped[str]
    argument: Mapped[str | None]
    """Whom to assign to."""
    reason: Mapped[str]
    requested_by: Mapped[str]
    role: Mapped[int]
    """Theirs when they asked."""
    total: Mapped[int]
    state: Mapped[str]
    created_at: Mapped[datetime]
    lease_expires_at: Mapped[datetime | None]
    """Whoever works on it renews this; afterwards another process goes on."""
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Fencing token: grows with each claim; whoever settles an item names it."""
    finished_at: Mapped[datetime | None]


class BulkItem(Base):
    """One session of such a job. The session may be gone: it is named, not referred to."""

    __tablename__ = "bulk_items"
    __table_args__ = (
        Index(
            "ix_bulk_items_waiting",
            "job_id",
            "position",
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    job_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("bulk_jobs.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    session_id: Mapped[uuid.UUID]
    done_at: Mapped[datetime | None]
    code: Mapped[str | None]
    """Why it was refused; None once it is done."""


class AuditEntry(Base):
    """Who did what to which session, when and why. The database refuses to change or delete one."""

    __tablename__ = "audit_log"
    __table_args__ = (
        one_of("action", AuditAction),
        Index("ix_audit_log_session_id_id", "session_id", "id"),
        Index("ix_audit_log_actor_id", "actor", "id"),
        Index("ix_audit_log_action_id", "action", "id"),
        Index("ix_audit_log_learner_id_id", "learner_id", "id"),
        Index("ix_audit_log_at", "at"),
        # Who reads on in the same quarter of an hour has looked once.
        Index(
            "uq_audit_log_view",
            "session_id",
            "actor",
            text("date_bin('00:15:00', at, '2000-01-01 00:00:00+00')"),
            unique=True,
            postgresql_where=text("action = 'view_transcript'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    role: Mapped[int]
    action: Mapped[str]
    session_id: Mapped[uuid.UUID | None]
    """Named, not referred to: the entry outlives the session."""
    learner_id: Mapped[str | None]
    """The company's own id: of the session's learner, or of whom it was done to as a whole."""
    reason: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Ids, names of fields and codes: never what was said or written."""


class SweepRecord(Base):
    """What one sweep did; a week of them is kept."""

    __tablename__ = "sweeps"
    __table_args__ = (Index("ix_sweeps_finished_at", "finished_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    did: Mapped[dict[str, Any]]
    """Kind of action → how often."""
