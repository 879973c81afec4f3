"""Which figures read as good: the bands of speech.md §5, which the setting METRIC_BANDS changes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import ClassVar


@dataclass(frozen=True)
class Bands:
    """Limits of the bands. METRIC_BANDS names those that differ, as a JSON object.

    Raises:
        ValueError: a limit is negative or no number, or a lower one stands above its upper one.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    pace: tuple[float, float] = (120.0, 160.0)
    """Words a minute. Published: 100–165 (Microsoft Speaker Coach), 130–175 (Read.ai)."""
    monotone_below: float = 0.10
    """Variation of the pace below which it reads as monotone (house value)."""
    fillers: tuple[float, float] = (5.0, 12.0)
    """A minute: fine up to the first, harmful from the second (Laske & DiGennaro Reed 2024)."""
    opener_noted_above: float = 20.0
    """Percent of the sentences that one opener may begin (house value)."""
    sentence_median: tuple[float, float] = (12.0, 20.0)
    """Words of the median sentence (house value)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            limits = value if isinstance(value, tuple) else (value,)
            if any(not isfinite(limit) or limit < 0 for limit in limits):
                raise ValueError(f"{field.name}: a limit is a number of at least 0")
            if tuple(sorted(limits)) != limits:
                raise ValueError(f"{field.name}: the lower limit comes first")


DEFAULT_BANDS = Bands()


def between(value: float, band: tuple[float, float]) -> str:
    """`below`, `within` or `above`."""
    low, high = band
    if value < low:
        return "below"
    return "above" if value > high else "within"
