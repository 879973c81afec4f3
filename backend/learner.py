"""A learner whole, as the API answers it: consents, export, and the receipt of an erasure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.schemas import Out, ProfileOut
from pipeline.consent import Held


class ConsentsOut(Out):
    """What a learner agrees to."""

    audio_storage: bool
    transcript_storage: bool
    pattern_tracking: bool
    changed_at: datetime | None = Field(description="Null: never; this holds without a word.")

    @classmethod
    def of(cls, held: Held) -> ConsentsOut:
        """What is held."""
        return cls(**asdict(held.consents), changed_at=held.changed_at)


class CountsOut(Out):
    """How many of each kind were deleted."""

    sessions: int
    recordings: int = Field(description="That were still in storage.")
    transcripts: int
    analyses: int
    insights: int
    metrics: int
    patterns: int = Field(description="Of the learner's profile.")
    verdicts: int
    reviews: int
    golden_cases: int


class ReceiptOut(Out):
    """That a learner was erased. The audit keeps the same."""

    id: UUID
    user_id: str
    erased_at: datetime
    counts: CountsOut


class ExportOut(Out):
    """Everything held on a learner."""

    user_id: str
    consents: ConsentsOut
    profile: ProfileOut
    sessions: list[dict[str, Any]] = Field(
        description="Each session whole, with transcript, insights, metrics, runs and events."
    )
