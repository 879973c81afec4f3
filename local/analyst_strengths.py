"""What a learner did well, as far as rules can hear it: one or two, each with its quote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from local.analyst_coach import Coach
from local.analyst_habits import SEQUENCE
from local.analyst_topic import is_english, stated_topic
from pipeline.speech.fillers import SOUNDS
from pipeline.speech.habits import RICH_CONNECTORS
from pipeline.speech.quotes import SHORTEST_WORDS
from pipeline.speech.transcript import Segment

MOST_STRENGTHS = 2
QUOTE_WORDS = 16
USUAL_WORDS = 17
"""A full sentence that is not too long shows fluency best."""
_CLOSING = re.compile(
    r"\b(?:to sum up|in short|in the end|what i (?:take|learned)|i learned|most important|"
    r"my advice|therefore|since then)\b",
    re.IGNORECASE,
)


def strengths(coach: Coach) -> list[dict[str, Any]]:
    """The strongest one or two; whatever was said where nothing else can be praised."""
    found: list[dict[str, Any]] = []
    for text, segment in _candidates(coach):
        if segment.index not in {strength["segment"] for strength in found}:
            found.append({"text": text, "quote": _quote(coach, segment), "segment": segment.index})
        if len(found) == MOST_STRENGTHS:
            break
    if found:
        return found
    first = next(s for s in coach.segments if coach.bounds[s.index][0] < coach.bounds[s.index][1])
    return [
        {
            "text": "You made a recording: that is how every talk begins.",
            "quote": _quote(coach, first),
            "segment": first.index,
        }
    ]


def _candidates(coach: Coach) -> Iterable[tuple[str, Segment]]:
    clear = [s for s in coach.segments if not s.suspect and len(_keys(coach, s)) >= SHORTEST_WORDS]
    if not clear:
        return
    if not is_english(coach.talk):
        yield "You spoke without stopping for words.", clear[0]
        return
    topic = stated_topic(coach.talk)
    if topic and topic in clear[0].text:
        yield "You say at once what your talk is about.", clear[0]
    linked = [s for s in clear if _rich(coach, s) and not _noise(coach, s)]
    if linked:
        best = min(linked, key=lambda s: (_keys(coach, s)[0] in SEQUENCE, -len(_rich(coach, s))))
        yield f"You show how ideas relate, by “{_rich(coach, best)[0]}”.", best
    if len(clear) > 1 and _CLOSING.search(clear[-1].text) and not _noise(coach, clear[-1]):
        yield "You close with a message that listeners can take home.", clear[-1]
    fluent = min(clear, key=lambda s: (_noise(coach, s), abs(len(_keys(coach, s)) - USUAL_WORDS)))
    if not _noise(coach, fluent):
        yield "You say this sentence fluently, without a filler.", fluent
    else:
        yield "You keep going while you look for words.", fluent


def _keys(coach: Coach, segment: Segment) -> list[str]:
    low, high = coach.bounds[segment.index]
    return coach.talk.keys[low:high]


def _noise(coach: Coach, segment: Segment) -> int:
    return sum(key in SOUNDS for key in _keys(coach, segment))


def _rich(coach: Coach, segment: Segment) -> list[str]:
    """Connectors that show a reason, a contrast or a time."""
    return [key for key in _keys(coach, segment) if key in RICH_CONNECTORS]


def _quote(coach: Coach, segment: Segment) -> str:
    low, high = coach.bounds[segment.index]
    return coach.text(low, min(high, low + QUOTE_WORDS))
