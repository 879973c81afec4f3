"""A coach by rules: deterministic findings on a transcript, each with the learner's own words.

It knows only what code can find: fillers, repeats, hedges, weak and vague words, openers,
connectors, long sentences, a few common slips. That is honest work, not understanding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from local.analyst_habits import QUOTED_WORDS, RULES, Coach, Habit
from pipeline.speech.fillers import SOUNDS, Talk
from pipeline.speech.habits import RICH_CONNECTORS
from pipeline.speech.quotes import SHORTEST_WORDS
from pipeline.speech.transcript import Segment, Transcript
from pipeline.speech.words import tokens_of

MOST_INSIGHTS = 5
LEAST_OCCURRENCES = 2
"""Once is a slip, not a habit."""
MOST_EXAMPLES = 3
QUOTE_WORDS = 7
STRENGTH_WORDS = 17
"""A full sentence that is not too long shows fluency best."""

_COMMON = """
    a about after all also am an and any are as at be because been before but by can could did
    do does for from get go got had has have he her his how i if in into is it its just like
    make me more most my no not now of on or our out really said she so some than that the
    their them then there these they thing things think this to too up us very was we were
    what when which who will with would you your know mean maybe stuff something kind lot want
    well one two first people time today
    """
STOP_WORDS = SOUNDS | frozenset(_COMMON.split())


def read(transcript: Transcript) -> dict[str, Any] | None:
    """The whole answer of the schema, in camelCase; None where there is nothing to quote."""
    coach = Coach(transcript)
    best = _strength(coach)
    if best is None:
        return None
    habits = [habit for rule in RULES for habit in rule(coach)]
    habits = [habit for habit in habits if habit.count >= LEAST_OCCURRENCES]
    habits.sort(key=lambda habit: (-habit.weight, habit.key))
    insights = [insight for habit in habits if (insight := _insight(coach, habit))]
    topic = _topic(coach)
    shown = insights[:MOST_INSIGHTS]
    chosen = [habit for habit in habits if any(i["patternKey"] == habit.key for i in shown)]
    return {
        "insights": shown,
        "strengths": [best],
        "focusNext": chosen[0].focus if chosen else _KEEP_GOING,
        "summary": _summary(coach, topic, chosen),
        "intentLabel": topic,
    }


_KEEP_GOING = "Keep this clarity, and end your next talk with one sentence that sums it up."


def _insight(coach: Coach, habit: Habit) -> dict[str, Any] | None:
    width = QUOTED_WORDS if habit.key == "structure.run_ons" else QUOTE_WORDS
    examples: list[dict[str, Any]] = []
    for first, end in habit.spots:
        quote = _quote(coach.talk, first, end, width=width)
        if quote is not None and quote not in examples:
            examples.append(quote)
        if len(examples) == MOST_EXAMPLES:
            break
    if not examples:
        return None
    severity = "high" if habit.weight >= 2 else "medium" if habit.weight >= 1 else "low"  # noqa: PLR2004 - twice and once "clearly"
    return {
        "category": habit.key.partition(".")[0],
        "patternKey": habit.key,
        "pattern": habit.name,
        "detail": habit.detail,
        "frequency": habit.count,
        "severity": severity,
        "examples": examples,
        "suggestion": habit.suggestion,
    }


def _quote(talk: Talk, first: int, end: int, *, width: int) -> dict[str, Any] | None:
    """Unbroken words around a place, within its segment and long enough to prove something."""
    segment = _segment_of(talk, first)
    low, high = _tokens_of(talk, segment)
    missing = max(0, width - (end - first))
    begin = max(low, first - missing // 2)
    finish = min(high, max(end, begin + width))
    begin = max(low, min(begin, finish - width))
    if segment.suspect or finish - begin < SHORTEST_WORDS:
        return None
    words = talk.tokens[begin:finish]
    return {"quote": talk.text[words[0].start : words[-1].end], "segment": segment.index}


def _segment_of(talk: Talk, position: int) -> Segment:
    index = talk.moment("place", position, position + 1).segment
    return next(s for s in talk.transcript.segments if s.index == index)


def _tokens_of(talk: Talk, segment: Segment) -> tuple[int, int]:
    before = 0
    for other in talk.transcript.segments:
        count = len(tokens_of(other.text))
        if other.index == segment.index:
            return before, before + count
        before += count
    return before, before


def _strength(coach: Coach) -> dict[str, Any] | None:
    """The clearest sentence: free of fillers, of good length, from a segment well heard."""
    candidates = []
    low = 0
    for segment in coach.talk.transcript.segments:
        count = len(tokens_of(segment.text))
        keys = coach.talk.keys[low : low + count]
        noise = sum(key in SOUNDS for key in keys)
        rich = sum(key in RICH_CONNECTORS for key in keys)
        if not segment.suspect and count >= SHORTEST_WORDS:
            candidates.append((noise - 2 * rich, abs(count - STRENGTH_WORDS), low, count, segment))
        low += count
    if not candidates:
        return None
    noise, _, low, count, segment = min(candidates, key=lambda item: item[:3])
    words = coach.talk.tokens[low : low + min(count, QUOTED_WORDS)]
    reason = "You link ideas with a reason." if noise < 0 else "You say this clearly and fluently."
    quote = coach.talk.text[words[0].start : words[-1].end]
    return {"text": reason, "quote": quote, "segment": segment.index}


def _topic(coach: Coach) -> str:
    """Three words of content that occur most, as a label."""
    content = Counter(
        key
        for key in coach.talk.keys
        if key not in STOP_WORDS and len(key) > 3 and key.isalpha()  # noqa: PLR2004 - short words say little
    )
    words = [word for word, _ in content.most_common(3)]
    label = " ".join(["Talk about", *words]) if words else "A short spoken talk"
    return " ".join(label.split()[:5])


def _summary(coach: Coach, topic: str, habits: Sequence[Habit]) -> str:
    about = topic.removeprefix("Talk about ").replace(" ", ", ")
    opening = f"You spoke {coach.words} words, mainly about: {about}."
    if not habits:
        return f"{opening} No habit stands out that would get in the way of your message."
    named = ", ".join(habit.name[0].lower() + habit.name[1:] for habit in habits[:2])
    return f"{opening} What would help most is to work on this: {named}."
