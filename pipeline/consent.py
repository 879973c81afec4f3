"""What a learner agrees to, and why words are gone: values, nothing read.

The company's app asks the learner before it uploads; here the answer is kept and obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consents:
    """What one learner agrees to; without a word of theirs, to all of it."""

    audio_storage: bool = True
    """Off: the recording of a run that is given up goes at once, not after a day."""
    transcript_storage: bool = True
    """Off: words and quotes go as soon as no run needs them; figures and advice stay."""
    pattern_tracking: bool = True
    """Off: no profile is derived or shown, and no focus is followed up."""


class Removal(StrEnum):
    """Why the words of a session are gone."""

    CONSENT = "consent"
    """Its learner does not agree to their storage."""
    RETENTION = "retention"
    """They were kept for `TRANSCRIPT_RETENTION_DAYS`."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a learner agrees to, and since when."""

    consents: Consents
    changed_at: datetime | None
    """None: never changed; it is what holds without a word of theirs."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a learner was erased, and how much of what: no words, to be kept by whoever asked."""

    id: UUID
    user_id: str
    erased_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    """Kind of thing → how many were deleted."""
