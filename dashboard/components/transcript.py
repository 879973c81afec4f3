"""The transcript with its times, the hard-to-hear parts, and the insights' words marked.

Speech is untrusted: `transcript.js` sets it as text, never as HTML or Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import streamlit as st

from dashboard.components.place import Hand
from dashboard.wording import SEVERITY_WORDS, length, plain
from pipeline.language import AUTO, name_of
from pipeline.session import Insight, TranscriptShown

HEIGHT = "34rem"
"""Of the talk, which scrolls by itself."""
BESIDE = "talk_beside"
"""The key of a container in a column: while its neighbour scrolls, the talk stays in sight."""
_STAYS = f"""<style>@media (min-width: 641px) {{
  .stColumn:has(.st-key-{BESIDE}) {{ position: sticky; top: 4rem; align-self: flex-start; }}
}}</style>"""
_HERE = Path(__file__).parent
_talk = st.components.v2.component(
    "rostrum_transcript",
    css=(_HERE / "transcript.css").read_text(encoding="utf-8"),
    js=(_HERE / "transcript.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The words of one quote."""

    start: int
    end: int
    """Characters in the transcript's text."""
    insight: Insight
    number: int
    """The insight's place among all, from 0."""
    quote: int
    """The quote's place in the insight, from 0."""


def draw_transcript(
    transcript: TranscriptShown,
    insights: tuple[Insight, ...],
    *,
    asked: str,
    page: str = "session",
    on_pick: Callable[[UUID], None] | None = None,
) -> None:
    """The whole talk, one line a segment, under a line that says what it rests on.

    `on_pick` gets the insight whose mark was clicked. What it changes is drawn by `draw_place`.
    """
    key = f"{page}_transcript"

    def picked() -> None:
        chosen = st.session_state[key].picked
        known = {str(insight.id): insight.id for insight in insights}
        if on_pick and isinstance(chosen, dict) and chosen.get("insight") in known:
            on_pick(known[chosen["insight"]])

    st.html(_STAYS)
    with st.container(key=BESIDE):
        st.caption(plain(source_of(transcript, asked=asked)))
        _talk(data=talk_of(transcript, insights, page=page), key=key, on_picked_change=picked)


def draw_place(
    hand: Hand,
    transcript: TranscriptShown | None,
    insights: tuple[Insight, ...],
    *,
    page: str = "session",
) -> None:
    """Tell the talk what is in hand; draws nothing itself. `?` presses the page's help button."""
    _talk(
        data={"point": point_of(hand, transcript, insights), "help": f"{page}_help"},
        key=f"{page}_place",
    )


def source_of(transcript: TranscriptShown, *, asked: str) -> str:
    """Who heard it, in which language, and how good its times are."""
    detected = ", as detected" if asked == AUTO else ""
    prompt = f" with prompt {transcript.prompt_version}" if transcript.prompt_version else ""
    times = " Times are estimated: this engine gives none." if transcript.estimated else ""
    language = name_of(transcript.language)
    return f"{language}{detected}. Heard by {transcript.engine}{prompt}.{times}"


def marks_of(insights: Iterable[Insight]) -> list[Mark]:
    """The quotes in the order of the talk, those that begin together by the insights' order."""
    marks = [
        Mark(found.start_offset, found.end_offset, insight, number, quote)
        for number, insight in enumerate(insights)
        for quote, found in enumerate(insight.examples)
    ]
    return sorted(marks, key=lambda mark: (mark.start, mark.end, mark.number, mark.quote))


def talk_of(
    transcript: TranscriptShown, insights: tuple[Insight, ...], *, page: str = "session"
) -> dict[str, Any]:
    """What the script draws: lines whose text is cut where a mark begins or ends, and the marks.

    A piece names its marks by their place in the list; without marks it names none.
    """
    marks = marks_of(insights)
    lines, offset = [], 0
    for segment in transcript.segments:
        lines.append(
            {
                "time": ("≈ " if segment.estimated else "") + length(segment.start),
                "parts": _parts(segment.text, offset, marks),
                **({"estimated": True} if segment.estimated else {}),
                **({"suspect": True} if segment.suspect else {}),
            }
        )
        offset += len(segment.text) + 1
    return {
        "height": HEIGHT,
        "lines": lines,
        "marks": [
            {
                "insight": str(mark.insight.id),
                "name": _name(mark.insight),
                "card": card_key(page, mark.number),
                "quote": quote_key(page, mark.number, mark.quote),
            }
            for mark in marks
        ],
    }


def point_of(
    hand: Hand, transcript: TranscriptShown | None, insights: tuple[Insight, ...]
) -> dict[str, Any]:
    """What is in hand as the script counts: in UTF-16 units, marks by their place in the list."""
    place = hand.place
    if place is None or transcript is None:
        start = end = mark = None
    else:
        start, end = (_units(transcript.text[:offset]) for offset in place)
        found = [
            number
            for number, each in enumerate(marks_of(insights))
            if each.insight.id == hand.insight and (each.start, each.end) == place
        ]
        mark = found[0] if found else None
    return {
        "insight": str(hand.insight) if hand.insight else None,
        "mark": mark,
        "start": start,
        "end": end,
        "turn": hand.turn,
    }


def card_key(page: str, insight: int) -> str:
    """The key of an insight's card in the feedback, by which the talk finds it."""
    return f"{page}_insight_{insight}"


def quote_key(page: str, insight: int, quote: int) -> str:
    """The key of a quote's button in the feedback, by which the talk leads back to it."""
    return f"{page}_quote_{insight}_{quote}"


def _name(insight: Insight) -> str:
    severity = SEVERITY_WORDS.get(insight.severity, insight.severity)
    return f"{insight.pattern} ({severity})"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _parts(text: str, offset: int, marks: list[Mark]) -> list[dict[str, Any]]:
    """A segment's text, cut at every edge of a mark that touches it."""
    touching = [
        (number, max(mark.start - offset, 0), min(mark.end - offset, len(text)))
        for number, mark in enumerate(marks)
        if mark.start < offset + len(text) and mark.end > offset
    ]
    edges = sorted({0, len(text), *(edge for _, *both in touching for edge in both)})
    parts: list[dict[str, Any]] = []
    for first, last in pairwise(edges):
        over = [number for number, begin, end in touching if begin <= first and last <= end]
        parts.append({"text": text[first:last], **({"marks": over} if over else {})})
    return parts or [{"text": ""}]
