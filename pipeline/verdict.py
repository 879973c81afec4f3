"""What people say of the feedback: the words and values that a review is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

FIRST, SECOND = 1, 2
"""Rounds of review: the second is by somebody else, who does not see the first."""
LOCK_MINUTES = 20
"""How long a run stays in the hands of somebody who does nothing."""
MOST_CHARACTERS = 2000
"""Of a rewrite, a note or a reason."""
MOST_COUNTED = 1000
"""Of a queue: counting on would only take time."""


class Verdict(StrEnum):
    """What a reviewer says of one insight."""

    CORRECT = "correct"
    WRONG = "wrong"
    """The talk does not show this habit."""
    UNSUPPORTED = "unsupported"
    """It may be so, but the quotes do not show it."""
    DUPLICATE = "duplicate"
    """Another insight says the same."""
    NOT_USEFUL = "not_useful"
    """True, and of no use to the learner."""


class ReviewState(StrEnum):
    """Where one person's review of one run stands."""

    OPEN = "open"
    """In their hands until its lock runs out."""
    COMPLETED = "completed"
    SKIPPED = "skipped"
    """Handed back with a reason; others may take it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One person's verdict on one insight."""

    reviewer: str
    verdict: Verdict
    rewrite: str | None
    """How the insight should have been worded."""
    note: str | None
    version: int
    """Grows with each change; a write names the one that it saw."""
    updated_at: datetime

    @property
    def corrects(self) -> bool:
        """The insight is rejected, or better words are given for it."""
        return self.verdict is not Verdict.CORRECT or self.rewrite is not None


@dataclass(frozen=True, slots=True)
class Opinions:
    """What is said of one insight, as far as the viewer may know it."""

    mine: Judged | None = None
    others: tuple[Judged, ...] = ()
    is_golden: bool = False
    """It was made a case of the golden set."""


@dataclass(frozen=True, slots=True)
class RunOpinions:
    """What is said of one run's insights, as far as the viewer may know it."""

    is_blind: bool = False
    """What others say is kept from the viewer, who may still review this run themselves."""
    by_insight: Mapping[UUID, Opinions] = field(default_factory=dict)

    def of(self, insight_id: UUID) -> Opinions:
        """What is said of one insight."""
        return self.by_insight.get(insight_id, Opinions())


class QueueRule(StrEnum):
    """Which of the runs that wait for a review are handed out."""

    ALL = "all"
    SAMPLE = "sample"
    """A share of them, always the same ones."""
    LOW_EVIDENCE = "low_evidence"
    """Many of the model's quotes were not found in the talk."""
    NEW_PROMPT = "new_prompt"
    """Made with a prompt that has not been in use for long."""
    MINE = "mine"
    """Assigned to the reviewer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the queue, and its share where it has one."""

    kind: QueueRule = QueueRule.ALL
    percent: int = 10
    """Of `SAMPLE`, 0–100."""


@dataclass(frozen=True, slots=True)
class InHand:
    """The run that a reviewer holds."""

    review_id: UUID
    session_id: UUID
    run_id: UUID
    round: int
    """`FIRST` or `SECOND`."""
    locked_until: datetime
    is_shown: bool
    """Its results are still those that the session shows."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reviewer is."""

    done_today: int
    left: int
    """Runs that the rule would still hand to them; `MOST_COUNTED` means as many or more."""
