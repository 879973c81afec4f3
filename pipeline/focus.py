"""Did the last focus help? What a focus is about, and its figure then and now (speech.md §6).

A focus is the model's sentence. Code ties it to a pattern or a metric by their words, when the run
completes; where it cannot be tied, or where a figure is missing, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from pipeline.finding import Finding
from pipeline.speech.catalogue import PATTERNS
from pipeline.speech.words import tokens_of

Outcome = Literal["improved", "same", "worse", "not_seen"]

IMPROVED_BELOW = 0.75
"""A quarter less is an improvement, as in the profile (house value)."""
PACE = "pace"
PACE_WORDS = frozenset({"pace", "slower", "faster", "speed"})
MEASURED_BY: Mapping[str, str] = {
    "vocabulary.fillers": "fillers_per_minute",
    "vocabulary.repetition": "repeats_per_minute",
    "vocabulary.hedging": "hedges",
    "vocabulary.vague_words": "vague_words",
    "vocabulary.weak_intensifiers": "weak_intensifiers",
    "structure.restarts": "restarts_per_minute",
    "structure.same_openers": "opener_share",
    "structure.run_ons": "sentence_p90",
    PACE: PACE,
}
"""Pattern keys that a metric follows from talk to talk, found in the feedback or not; and pace."""
_STEM = 5
_NAMED, _SAID = 3, 1
_COMMON = frozenset(
    "about again before each every from have least less more most next once only other "  # noqa: SIM905 - lines read better
    "recording sentence sentences should speak speaking talk than that their them then "
    "this time times under when with words your minute minutes length".split()
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric as it is compared between talks."""

    label: str
    unit: str
    value: float
    low: float | None
    high: float | None
    formula_version: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """One completed session as progress looks at it."""

    session_id: UUID
    at: datetime
    words: int
    focus: str
    focus_key: str | None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """By the metric's name."""
    occurrences: Mapping[str, float] = field(default_factory=dict)
    """By pattern key, as the profile counts them."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What one session's focus was, and what became of it in the next."""

    session_id: UUID
    """Whose focus it was."""
    at: datetime
    focus: str
    key: str
    """A pattern key or a metric's name."""
    label: str
    unit: str
    before: float
    now: float | None
    """None where the habit was not among the findings this time."""
    outcome: Outcome


def focus_key(focus: str, findings: Sequence[Finding]) -> str | None:
    """What a focus is about: the finding that it shares most words with, or pace.

    Names count more than what is said of a finding. Without a shared word it is the first finding,
    which the focus is asked to rest on; without any finding it cannot be told.
    """
    said = _stems(focus)
    scores = [
        _NAMED * len(said & _stems(f"{finding.pattern} {_name(finding.pattern_key)}"))
        + _SAID * len(said & _stems(f"{finding.detail} {finding.suggestion}"))
        for finding in findings
    ]
    if any(scores):
        return findings[scores.index(max(scores))].pattern_key
    if PACE_WORDS & {token.key for token in tokens_of(focus)}:
        return PACE
    return findings[0].pattern_key if findings else None


def follow_up(last: Spoken, now: Spoken) -> FollowUp | None:
    """What became of the last session's focus; None where that cannot be told."""
    key = last.focus_key
    if key is None:
        return None
    if key in MEASURED_BY:
        return _by_metric(last, now, key, MEASURED_BY[key])
    if key not in PATTERNS or key not in last.occurrences or not (last.words and now.words):
        return None
    before = 1000 * last.occurrences[key] / last.words
    found = now.occurrences.get(key)
    value = None if found is None else 1000 * found / now.words
    outcome: Outcome = "not_seen" if value is None else _outcome(before, value)
    return _told(last, key, unit="per 1,000 words", before=before, now=value, outcome=outcome)


def _by_metric(last: Spoken, now: Spoken, key: str, name: str) -> FollowUp | None:
    before, value = last.figures.get(name), now.figures.get(name)
    if before is None or value is None or before.formula_version != value.formula_version:
        return None
    outcome = (
        _outcome(_outside(before.value, value), _outside(value.value, value))
        if key == PACE
        else _outcome(before.value, value.value)
    )
    return _told(last, key, unit=value.unit, before=before.value, now=value.value, outcome=outcome)


def _told(
    last: Spoken, key: str, *, unit: str, before: float, now: float | None, outcome: Outcome
) -> FollowUp:
    return FollowUp(
        session_id=last.session_id,
        at=last.at,
        focus=last.focus,
        key=key,
        label=_name(key) or "Pace",
        unit=unit,
        before=round(before, 1),
        now=None if now is None else round(now, 1),
        outcome=outcome,
    )


def _outcome(before: float, now: float) -> Outcome:
    """Less is better for each of these."""
    if now < IMPROVED_BELOW * before:
        return "improved"
    return "worse" if IMPROVED_BELOW * now > before else "same"


def _outside(value: float, band: Figure) -> float:
    """How far outside the band a value lies."""
    return max((band.low or 0.0) - value, value - (band.high or value), 0.0)


def _name(key: str) -> str:
    return PATTERNS[key].name if key in PATTERNS else ""


def _stems(text: str) -> set[str]:
    """The beginnings of the words that carry meaning, so that `filler` meets `fillers`."""
    keys = {token.key for token in tokens_of(text)}
    return {key[:_STEM] for key in keys - _COMMON if len(key) >= _STEM - 1}
