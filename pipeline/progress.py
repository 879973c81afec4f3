"""A learner's progress over sessions: metrics as trends. Nothing is said below three sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from uuid import UUID

from pipeline.focus import FollowUp, Spoken, follow_up

FEWEST_SESSIONS = 3
TRENDS = {
    "pace": "Pace",
    "articulation_rate": "Articulation rate",
    "pace_variation": "Pace variation",
    "fillers_per_minute": "Fillers per minute",
    "pause_share": "Share of pauses",
    "hedges": "Hedges",
    "vague_words": "Vague words",
    "weak_intensifiers": "Weak intensifiers",
    "repeats_per_minute": "Repeated words per minute",
    "restarts_per_minute": "Restarts per minute",
    "opener_share": "Share of the commonest opener",
    "sentence_median": "Median sentence",
    "lexical_diversity": "Lexical diversity (MATTR-50)",
}
"""Metrics that mean the same in talks of any length; plain counts do not."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A metric in one session."""

    session_id: UUID
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class MetricTrend:
    """A metric over the learner's sessions, oldest first."""

    name: str
    label: str
    unit: str
    low: float | None
    high: float | None
    """The band of the newest session."""
    own_median: float
    """Over the sessions shown: what is usual for this learner."""
    points: tuple[TrendPoint, ...]


def trends(sessions: Sequence[Spoken]) -> tuple[MetricTrend, ...]:
    """Every metric of at least three sessions; `sessions` newest first.

    Figures of an older formula than the newest one's are left out: they would not compare.
    """
    found = []
    for name, label in TRENDS.items():
        having = [spoken for spoken in sessions if name in spoken.figures]
        if not having:
            continue
        newest = having[0].figures[name]
        points = tuple(
            TrendPoint(spoken.session_id, spoken.at, spoken.figures[name].value)
            for spoken in reversed(having)
            if spoken.figures[name].formula_version == newest.formula_version
        )
        if len(points) >= FEWEST_SESSIONS:
            usual = median(point.value for point in points)
            found.append(
                MetricTrend(
                    name, label, newest.unit, newest.low, newest.high, round(usual, 3), points
                )
            )
    return tuple(found)


def follow_ups(sessions: Sequence[Spoken]) -> tuple[FollowUp, ...]:
    """What became of each session's focus in the next one, newest first, where it can be told."""
    told = (follow_up(last, now) for now, last in pairwise(sessions))
    return tuple(one for one in told if one is not None)
