"""What a learner's report holds: strengths first, one focus, then what else there is to notice.

Nothing for staff alone is in it: no cost, model, run, severity, or frequency that a model claimed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.consent import Removal
from pipeline.session import Example, FollowUp, Metric, SessionDetail
from pipeline.speech.metric import digits, with_unit

# What steers a terminal or the direction of all that follows is no part of what was said. Marks
# that join emoji or order single letters stay.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

NO_FEEDBACK = "There is no feedback on this talk yet."
NOTHING_STANDS_OUT = "No habit stands out that would get in the way of your message."
WORDS_GONE: Mapping[Removal, str] = {
    Removal.CONSENT: "What was said is not kept, as you wished: there are no quotes here.",
    Removal.RETENTION: "What was said is kept for a limited time, which is over: there are no "
    "quotes here.",
}
_READINGS: Mapping[str, str] = {
    "within": "in the comfortable range",
    "below": "below the comfortable range",
    "above": "above the comfortable range",
    "fine": "comfortable",
    "noted": "worth a look",
    "harmful": "worth a look",
    "monotone": "room for more variety",
}
_SHOWN = (
    "pace",
    "pace_variation",
    "fillers_per_minute",
    "opener_share",
    "sentence_median",
)
"""Figures that have a band; the others tell a learner nothing by themselves."""


@dataclass(frozen=True, slots=True)
class Said:
    """The learner's own words."""

    text: str
    at: str | None
    """`1:30`; None where the transcript has no times."""


@dataclass(frozen=True, slots=True)
class Strong:
    """Something done well."""

    text: str
    quote: Said | None
    """None where the words were removed."""


@dataclass(frozen=True, slots=True)
class Habit:
    """Something to notice, with one thing to do."""

    name: str
    detail: str
    quotes: tuple[Said, ...]
    suggestion: str


@dataclass(frozen=True, slots=True)
class FigureShown:
    """One figure in words."""

    label: str
    value: str
    reading: str


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of the transcript."""

    text: str
    at: str | None
    is_hard_to_hear: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All that the learner gets, as plain text that nothing was escaped in yet."""

    title: str
    recorded_at: datetime
    length: str | None
    words: int | None
    about: str | None
    summary: str
    strengths: tuple[Strong, ...]
    focus: str | None
    last_focus: str | None
    habits: tuple[Habit, ...]
    habits_note: str | None
    figures: tuple[FigureShown, ...]
    figures_note: str | None
    lines: tuple[Line, ...]
    words_note: str | None
    """Why there are no lines and quotes, where they were removed."""


def report_of(detail: SessionDetail) -> Report:
    """A session as its learner gets it."""
    row, heard = detail.row, detail.transcript
    has_feedback = detail.summary is not None
    why_wordless = Removal.CONSENT if detail.withholds_words else row.transcript_removed_because
    return Report(
        title=clean(row.title or "Your talk"),
        recorded_at=row.created_at,
        length=clock(row.duration_seconds),
        words=row.word_count,
        about=clean(detail.intent_label) if detail.intent_label else None,
        summary=clean(detail.summary) if detail.summary is not None else NO_FEEDBACK,
        strengths=tuple(
            Strong(clean(one.text), _said(one.quote) if one.quote else None)
            for one in detail.strengths
        ),
        focus=clean(detail.focus_next) if detail.focus_next else None,
        last_focus=told(detail.last_focus) if detail.last_focus else None,
        habits=tuple(
            Habit(
                name=clean(insight.pattern),
                detail=clean(insight.detail),
                quotes=tuple(_said(quote) for quote in insight.examples),
                suggestion=clean(insight.suggestion),
            )
            for insight in detail.insights
        ),
        habits_note=NOTHING_STANDS_OUT if has_feedback and not detail.insights else None,
        figures=tuple(_figure(one) for one in detail.metrics if one.name in _SHOWN and one.band),
        figures_note=detail.metrics_note,
        lines=tuple(
            Line(
                clean(segment.text),
                None if segment.estimated else clock(segment.start),
                segment.suspect,
            )
            for segment in (heard.segments if heard else ())
        ),
        words_note=WORDS_GONE[why_wordless] if why_wordless else None,
    )


def told(focus: FollowUp) -> str:
    """`Filler words: 6.1 → 3.2 per min, better than last time`."""
    if focus.now is None:
        return f"{focus.label}: {with_unit(focus.before, focus.unit)} last time, not seen this time"
    outcome = {
        "improved": "better than last time",
        "same": "about the same as last time",
        "worse": "more to gain than last time",
    }[focus.outcome]
    return f"{focus.label}: {digits(focus.before)} → {with_unit(focus.now, focus.unit)}, {outcome}"


def clean(text: str) -> str:
    """Text in one line, without characters that steer whatever shows it."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def clock(seconds: float | None) -> str | None:
    """`1:30`, or None where it is not known."""
    return None if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _said(quote: Example) -> Said:
    return Said(clean(quote.text), clock(quote.start))


def _figure(metric: Metric) -> FigureShown:
    reading = _READINGS.get(metric.band or "", "")
    if metric.low is not None and metric.high is not None:
        reading = f"{reading} ({metric.low:g}–{metric.high:g})"
    return FigureShown(clean(metric.label), with_unit(metric.value, metric.unit), reading)
