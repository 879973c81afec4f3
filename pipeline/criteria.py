"""Which sessions are meant: the filters of the list, as one value that says nothing of SQL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from pipeline.status import Status


class ReviewNeed(StrEnum):
    """Where a session's review stands, as the list filters it."""

    NEEDED = "needed"
    """Completed, and nobody has finished a review of the run that is shown."""
    IN_HAND = "in_hand"
    """Somebody has it open."""
    DONE = "done"
    """At least one review of the run that is shown is finished."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that are set must hold. Nothing set: every session."""

    status: Status | None = None
    error_code: str | None = None
    created_from: datetime | None = None
    """This moment or later."""
    created_until: datetime | None = None
    """Before this moment."""
    user_id: str | None = None
    source: str | None = None
    """`app` or `test`."""
    review: ReviewNeed | None = None
    reviewer: str | None = None
    """Assigned to this person, or reviewed by them."""
    category: str | None = None
    """This and the two below: an insight of the run that is shown has it; together, one insight."""
    pattern_key: str | None = None
    severity: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    suspect_above: float | None = None
    """The share (0–1) of segments that were hard to hear is greater."""
    evidence_below: float | None = None
    """The share (0–1) of the model's quotes that were found is less."""
    audio_held: bool = False
    """The recording is in storage still."""
    stuck: bool = False
    """Longer in its status or stage than that takes, and nothing is due."""
    words: str | None = None
    """The transcript holds all of these words."""
    search: str | None = None
    """The title or the learner's id holds this."""

    @property
    def count(self) -> int:
        """How many are set."""
        return sum(1 for field in fields(self) if getattr(self, field.name) not in {None, False})
