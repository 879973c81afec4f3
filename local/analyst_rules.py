"""A coach by rules: deterministic findings on a transcript, each with the learner's own words.

It knows only what code can find: fillers, repeats, hedges, weak and vague words, openers,
connectors, long and broken sentences, common slips. That is honest work, not understanding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from local.analyst_coach import RANKS, Coach, Habit
from local.analyst_habits import QUOTED_WORDS, RULES
from local.analyst_strengths import strengths
from local.analyst_topic import frequent_words, is_english, label, stated_topic
from pipeline.speech.quotes import SHORTEST_WORDS
from pipeline.speech.transcript import Transcript

MOST_INSIGHTS = 5
LEAST_OCCURRENCES = 2
"""Once is a slip, not a habit."""
MOST_EXAMPLES = 3
QUOTE_WORDS = 7
LEAST_QUOTE_WORDS = 5
NEAR_WORDS = 4
TOO_SHORT_WORDS = 12
_KEEP_GOING = "Keep this clarity, and end your next talk with one sentence that sums it up."
_MORE = "Speak for at least one minute, so that your habits can be heard."
_ENGLISH = "Give your next talk in English, for at least one minute."


def read(transcript: Transcript) -> dict[str, Any] | None:
    """The whole answer of the schema, in camelCase; None where nothing was said."""
    coach = Coach(transcript)
    if not coach.talk.tokens:
        return None
    english = is_english(coach.talk)
    shown = list(_insights(coach)) if english else []
    habits = [habit for habit, _ in shown]
    return {
        "insights": [insight for _, insight in shown],
        "strengths": strengths(coach),
        "focusNext": _focus(coach, habits, english=english),
        "summary": _summary(coach, habits, english=english),
        "intentLabel": label(coach.talk) if english else "A talk not in English",
    }


def _insights(coach: Coach) -> Iterable[tuple[Habit, dict[str, Any]]]:
    """The habits that can be quoted, what harms most first."""
    habits = chain.from_iterable(rule(coach) for rule in RULES)
    heard = [habit for habit in habits if habit.count >= LEAST_OCCURRENCES]
    heard.sort(key=lambda habit: -RANKS.index(habit.severity))
    quoted = ((habit, insight) for habit in heard if (insight := _insight(coach, habit)))
    for _, found in zip(range(MOST_INSIGHTS), quoted, strict=False):
        yield found


def _insight(coach: Coach, habit: Habit) -> dict[str, Any] | None:
    examples = _examples(coach, habit)
    if not examples:
        return None
    return {
        "category": habit.key.partition(".")[0],
        "patternKey": habit.key,
        "pattern": habit.name,
        "detail": habit.detail,
        "frequency": habit.count,
        "severity": habit.severity,
        "examples": examples,
        "suggestion": habit.suggestion,
    }


def _examples(coach: Coach, habit: Habit) -> list[dict[str, Any]]:
    """Quotes from places of their own, from as many segments as there are."""
    width = QUOTED_WORDS if habit.key == "structure.run_ons" else QUOTE_WORDS
    windows = [window for spot in habit.spots if (window := _window(coach, *spot, width=width))]
    firsts = {coach.segment_of[window[0]].index: window for window in reversed(windows)}
    taken: list[tuple[int, int]] = []
    for begin, end in [*sorted(firsts.values()), *windows]:
        if len(taken) < MOST_EXAMPLES and all(end <= b or e <= begin for b, e in taken):
            taken.append((begin, end))
    return [
        {"quote": coach.text(begin, end), "segment": coach.segment_of[begin].index}
        for begin, end in sorted(taken)
    ]


def _window(coach: Coach, first: int, end: int, *, width: int) -> tuple[int, int] | None:
    """Unbroken words around a place, within its segment and long enough to prove something.

    It begins and ends with its clause, if that is near: words from the middle read oddly.
    """
    segment = coach.segment_of[first]
    low, high = coach.bounds[segment.index]
    begin = max(low, first - width // 2)
    clause = next((i for i in range(first, begin - 1, -1) if coach.begins_clause(i)), begin)
    finish = min(high, max(end, clause + width))
    begin = max(low, min(clause, finish - width))
    shortest = max(end, begin + LEAST_QUOTE_WORDS)
    near = range(max(shortest, finish - NEAR_WORDS), min(high, finish + NEAR_WORDS))
    ends = [i for i in near if coach.begins_clause(i)]
    finish = min(ends, key=lambda i: abs(i - finish)) if ends else finish
    if segment.suspect or finish - begin < SHORTEST_WORDS:
        return None
    return begin, finish


def _focus(coach: Coach, habits: Sequence[Habit], *, english: bool) -> str:
    if not english:
        return _ENGLISH
    if coach.words < TOO_SHORT_WORDS:
        return _MORE
    return habits[0].focus if habits else _KEEP_GOING


def _summary(coach: Coach, habits: Sequence[Habit], *, english: bool) -> str:
    if not english:
        return (
            "These words do not seem to be English, and only English can be coached here. "
            "Nothing is said of habits."
        )
    if coach.words < TOO_SHORT_WORDS:
        return f"You said {coach.words} words: too few to tell a habit from chance."
    named = [habit.name[0].lower() + habit.name[1:] for habit in habits[:2]]
    if not named:
        return f"{_about(coach)} No habit stands out that would get in the way of your message."
    count = "One thing" if len(named) == 1 else "Two things"
    return f"{_about(coach)} {count} to work on next: {', and '.join(named)}."


def _about(coach: Coach) -> str:
    topic = stated_topic(coach.talk)
    if topic:
        return f"In {coach.words} words you spoke about “{topic}”."
    words = frequent_words(coach.talk)
    said = f"; words that come often are {', '.join(words)}" if words else ""
    return f"You spoke {coach.words} words{said}."
