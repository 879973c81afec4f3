"""What people say of the feedback: the words that a review is made of."""

from __future__ import annotations

from enum import StrEnum


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
