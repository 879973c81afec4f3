"""How good the feedback is, as values: precision with its interval, agreement, golden runs, use.

Pure figures; what they are counted from is `pipeline/database/quality.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

Z_95 = 1.959964
"""Of the normal distribution, for 95 %."""
FEW_JUDGED = 30
"""Below so many judged insights, or pairs of verdicts, nothing is concluded (house value)."""


def wilson(part: int, whole: int) -> tuple[float, float] | None:
    """The 95 % interval of a share by Wilson (1927), from 0 to 1; None of nothing.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n): unlike p ± z·s it holds for few and for
    shares near 0 or 1.
    """
    if not whole:
        return None
    share, square = part / whole, Z_95**2
    middle = share + square / (2 * whole)
    reach = Z_95 * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    scale = 1 + square / whole
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the insights that people judged, how many they called correct."""

    name: str
    """Of the category, prompt or model."""
    correct: int
    judged: int
    """Insights; where several people judged one, the first of them counts."""

    @property
    def share(self) -> float | None:
        """0–1; None where nothing was judged."""
        return self.correct / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share lies with 95 % confidence."""
        return wilson(self.correct, self.judged)

    @property
    def is_too_few(self) -> bool:
        """Too few to tell."""
        return self.judged < FEW_JUDGED


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far first and second reviewers say the same, who did not see each other's verdicts."""

    pairs: Mapping[tuple[str, str], int]
    """First and second verdict → on how many insights."""

    @property
    def n(self) -> int:
        """Insights that both judged."""
        return sum(self.pairs.values())

    @property
    def raw(self) -> float | None:
        """The share with the same verdict, 0–1."""
        same = sum(count for (first, second), count in self.pairs.items() if first == second)
        return same / self.n if self.n else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): (p_o - p_e) / (1 - p_e), -1 to 1.

        p_o is the raw agreement, p_e what the two margins would give by chance. None where chance
        leaves nothing to disagree about: then both gave one and the same verdict throughout.
        """
        if self.raw is None:
            return None
        by_first, by_second = self._margin(0), self._margin(1)
        chance = sum(by_first[said] * by_second.get(said, 0) for said in by_first) / self.n**2
        return (self.raw - chance) / (1 - chance) if chance < 1 else None

    def _margin(self, side: int) -> dict[str, int]:
        counted: dict[str, int] = {}
        for said, count in self.pairs.items():
            counted[said[side]] = counted.get(said[side], 0) + count
        return counted

    @property
    def is_too_few(self) -> bool:
        """Too few to tell."""
        return self.n < FEW_JUDGED


@dataclass(frozen=True, slots=True)
class Findings:
    """What a golden run found in one talk: pattern keys by how they fared."""

    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    failure: str | None = None
    """Its code, where the talk got no analysis."""


@dataclass(frozen=True, slots=True)
class GoldenScore:
    """One run of the golden set, as `make eval` scored it."""

    id: UUID
    created_at: datetime
    model: str
    prompt_version: str
    talks: int
    figures: Mapping[str, float | None]
    findings: Mapping[str, Findings]
    """By the talk's id."""


@dataclass(frozen=True, slots=True)
class ChangedTalk:
    """A golden talk that two runs answered differently."""

    talk: str
    before: Findings | None
    """None: the run did not have this talk."""
    after: Findings | None
    session_id: UUID | None
    """Where staff made it of a session that is still there."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one day's analyses took."""

    day: date
    """UTC."""
    analyses: int
    input_tokens: int
    """Neither read from the cache nor written to it."""
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal | None
    """None where the price of none is known."""
    unpriced: int
    """Analyses whose price is not known: they are not in the cost."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What people's verdicts say of the feedback since some day."""

    by_category: tuple[Precision, ...]
    by_prompt: tuple[Precision, ...]
    by_model: tuple[Precision, ...]
    agreement: Agreement
    use: tuple[Use, ...]
    """By day, oldest first."""
