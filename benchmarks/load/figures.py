"""Figures of samples: percentiles, and how fast something grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def percentile(counted: Mapping[float, int], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all do not exceed; nan where there is none.

    `counted` says how often each value came.
    """
    left = math.ceil(share * sum(counted.values()))
    for value in sorted(counted):
        left -= counted[value]
        if left <= 0:
            return value
    return math.nan


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """By how much the second number grows while the first grows by one (least squares)."""
    number = len(samples)
    mean_x = sum(x for x, _ in samples) / number
    mean_y = sum(y for _, y in samples) / number
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread
