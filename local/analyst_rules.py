"""A coach by rules: deterministic findings on a transcript, each with the learner's own words.

It knows only what code can find: fillers, repeats, hedges, weak and vague words, openers,
connectors, long sentences, a few common slips. That is honest work, not understanding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.speech.fillers import SOUNDS, Moment, Talk, fillers_in
from pipeline.speech.habits import (
    BASIC_CONNECTORS,
    HEDGES,
    INTENSIFIERS,
    LONG_SENTENCE_WORDS,
    RICH_CONNECTORS,
    VAGUE,
    commonest_opener,
    moments_of,
    repeats_in,
)
from pipeline.speech.quotes import SHORTEST_WORDS
from pipeline.speech.transcript import Segment, Transcript
from pipeline.speech.words import sentences_of, tokens_of

MOST_INSIGHTS = 5
LEAST_OCCURRENCES = 2
"""Once is a slip, not a habit."""
MOST_EXAMPLES = 3
QUOTE_WORDS = 7
LONG_QUOTE_WORDS = 14
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
SLIPS: tuple[tuple[str, str], ...] = (
    ("grammar.countability", r"\b(?:informations|advices|furnitures|homeworks|equipments)\b"),
    ("grammar.subject_verb_agreement", r"\b(?:he|she|it) (?:go|have|do|make|want|need|say|work)\b"),
    ("grammar.subject_verb_agreement", r"\b(?:people|they|we) (?:is|was|has)\b"),
    ("grammar.verb_forms", r"\b(?:i am|i'm) agree\b|\bmust to\b|\bcan to\b"),
    ("grammar.articles", r"\ba (?:[aeio]\w+|un(?!i)\w+)\b|\ban (?:[bcdfgjklmnpqrstvwxz]\w+)\b"),
    ("grammar.comparison", r"\bmore (?:better|easier|faster|bigger)\b"),
)


@dataclass(frozen=True, slots=True)
class Habit:
    """A rule's finding before it is worded as an insight."""

    key: str
    name: str
    count: int
    weight: float
    """How much it stands out, 1 being clearly."""
    spots: tuple[tuple[int, int], ...]
    """Token ranges to quote around."""
    detail: str
    suggestion: str
    focus: str


class _Coach:
    """One transcript, read by every rule."""

    def __init__(self, transcript: Transcript) -> None:
        self.talk = Talk(transcript)
        self.words = sum(key not in SOUNDS for key in self.talk.keys)
        self._at = {token.start: i for i, token in enumerate(self.talk.tokens)}
        self._ends = {token.end: i + 1 for i, token in enumerate(self.talk.tokens)}

    def per_hundred(self, count: int) -> float:
        return 100 * count / max(self.words, 1)

    def range_of(self, moment: Moment) -> tuple[int, int]:
        return self._at[moment.start_offset], self._ends[moment.end_offset]

    def spots(self, moments: Iterable[Moment]) -> tuple[tuple[int, int], ...]:
        return tuple(self.range_of(moment) for moment in moments)


def read(transcript: Transcript) -> dict[str, Any] | None:
    """The whole answer of the schema, in camelCase; None where there is nothing to quote."""
    coach = _Coach(transcript)
    best = _strength(coach)
    if best is None:
        return None
    habits = [habit for rule in _RULES for habit in rule(coach)]
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


def _insight(coach: _Coach, habit: Habit) -> dict[str, Any] | None:
    width = LONG_QUOTE_WORDS if habit.key == "structure.run_ons" else QUOTE_WORDS
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


def _fillers(coach: _Coach) -> Iterable[Habit]:
    found = fillers_in(coach.talk)
    commonest = Counter(moment.text.casefold() for moment in found).most_common(2)
    named = " and ".join(f"“{text}”" for text, _ in commonest)
    yield Habit(
        key="vocabulary.fillers",
        name="Filler words",
        count=len(found),
        weight=coach.per_hundred(len(found)) / 3,
        spots=coach.spots(found),
        detail=f"{len(found)} fillers, most of them {named}. They draw attention from your points.",
        suggestion="When you look for a word, close your mouth and pause for one breath.",
        focus=f"Halve your fillers: at most {max(1, len(found) // 2)} in a talk of this length.",
    )


def _repeats(coach: _Coach) -> Iterable[Habit]:
    found = [moment for moment in repeats_in(coach.talk) if moment.kind == "repeat"]
    yield Habit(
        key="vocabulary.repetition",
        name="Words said twice in a row",
        count=len(found),
        weight=coach.per_hundred(len(found)) / 1.5,
        spots=coach.spots(found),
        detail=f"{len(found)} times a word comes twice in a row, which sounds like a false start.",
        suggestion="Begin the sentence only when you know its first three words.",
        focus="Say no word twice in a row in your next talk.",
    )


def _phrases(
    key: str,
    name: str,
    phrases: tuple[tuple[str, ...], ...],
    *,
    usual: float,
    advice: Sequence[str],
) -> Callable[[_Coach], Iterable[Habit]]:
    effect, suggestion, focus = advice

    def rule(coach: _Coach) -> Iterable[Habit]:
        found = moments_of(coach.talk, phrases, kind=key)
        commonest = Counter(moment.text.casefold() for moment in found).most_common(1)
        named = f", most often “{commonest[0][0]}”" if commonest else ""
        yield Habit(
            key=key,
            name=name,
            count=len(found),
            weight=coach.per_hundred(len(found)) / usual,
            spots=coach.spots(found),
            detail=f"{len(found)} times{named}. {effect}",
            suggestion=suggestion,
            focus=focus,
        )

    return rule


def _openers(coach: _Coach) -> Iterable[Habit]:
    opener = commonest_opener(coach.talk.text)
    if opener is None or opener.total < 5 or opener.sentences / opener.total <= 0.2:  # noqa: PLR2004 - speech.md §5: noted above 20 %
        return
    spots = [
        (coach._at[place], coach._at[place] + 1)  # noqa: SLF001 - one module, one story
        for place in _sentence_starts(coach.talk, opener.word)
    ]
    share = round(100 * opener.sentences / opener.total)
    yield Habit(
        key="structure.same_openers",
        name=f"Sentences that begin with “{opener.word}”",
        count=opener.sentences,
        weight=opener.sentences / opener.total / 0.3,
        spots=tuple(spots),
        detail=f"{opener.sentences} of {opener.total} sentences ({share} %) begin with the same "
        "word, so your ideas sound like one long list.",
        suggestion="Open with the person, the time or the result: “After the tests, …”.",
        focus=f"Begin at most one sentence in five with “{opener.word}”.",
    )


def _sentence_starts(talk: Talk, word: str) -> list[int]:
    """Offsets of sentences' first real words, where that is `word`."""
    places, cursor = [], 0
    for sentence in sentences_of(talk.text):
        cursor = talk.text.index(sentence, cursor)
        spoken = [token for token in tokens_of(sentence) if token.key not in SOUNDS]
        if spoken and spoken[0].key == word:
            places.append(cursor + spoken[0].start)
        cursor += len(sentence)
    return places


def _run_ons(coach: _Coach) -> Iterable[Habit]:
    spots, longest, cursor = [], 0, 0
    for sentence in sentences_of(coach.talk.text):
        cursor = coach.talk.text.index(sentence, cursor)
        words = tokens_of(sentence)
        spoken = sum(token.key not in SOUNDS for token in words)
        if spoken > LONG_SENTENCE_WORDS:
            first = coach._at[cursor + words[0].start]  # noqa: SLF001 - one module, one story
            spots.append((first, first + LONG_QUOTE_WORDS))
            longest = max(longest, spoken)
        cursor += len(sentence)
    yield Habit(
        key="structure.run_ons",
        name="Run-on sentences",
        count=len(spots),
        weight=0.8 * len(spots),
        spots=tuple(spots),
        detail=f"{len(spots)} sentences have more than {LONG_SENTENCE_WORDS} words, the longest "
        f"{longest}. A listener has to hold too much at once.",
        suggestion="One thought, one sentence: stop, breathe, and begin the next.",
        focus="Keep every sentence below 25 words.",
    )


def _connectors(coach: _Coach) -> Iterable[Habit]:
    keys = coach.talk.keys
    basic = [i for i, key in enumerate(keys) if key in BASIC_CONNECTORS]
    rich = sum(key in RICH_CONNECTORS for key in keys)
    if len(basic) < 6 or rich > len(basic) / 6:  # noqa: PLR2004 - house value: one rich in six
        return
    yield Habit(
        key="vocabulary.limited_connectors",
        name="Ideas joined by “and”, “so” and “but”",
        count=len(basic),
        weight=coach.per_hundred(len(basic)) / 8,
        spots=tuple((i, i + 1) for i in basic),
        detail=f"{len(basic)} simple connectors and {rich} that show how ideas relate, so the "
        "logic stays for the listener to guess.",
        suggestion="Replace some by “because”, “although” or “as a result”.",
        focus="Use three different connectors that show a reason or a contrast.",
    )


def _slips(coach: _Coach) -> Iterable[Habit]:
    found: dict[str, list[tuple[int, int]]] = {}
    for key, expression in SLIPS:
        for match in re.finditer(expression, coach.talk.text, re.IGNORECASE):
            first = coach._at.get(match.start())  # noqa: SLF001 - one module, one story
            if first is not None:
                found.setdefault(key, []).append((first, first + 2))
    for key, spots in found.items():
        yield Habit(
            key=key,
            name=key.partition(".")[2].replace("_", " ").capitalize(),
            count=len(spots),
            weight=0.7 * len(spots),
            spots=tuple(spots),
            detail=f"The same small slip comes {len(spots)} times; you are understood, "
            "but it catches the ear.",
            suggestion="Say the three quoted phrases aloud in their right form before you record.",
            focus="Get this form right every time in the next talk.",
        )


_RULES: tuple[Callable[[_Coach], Iterable[Habit]], ...] = (
    _fillers,
    _repeats,
    _phrases(
        "vocabulary.hedging",
        "Hedging",
        HEDGES,
        usual=1.5,
        advice=(
            "Your points sound less certain than they are.",
            "State the fact first; add a doubt only where you really have one.",
            "State your three main points without “maybe” or “I think”.",
        ),
    ),
    _phrases(
        "vocabulary.weak_intensifiers",
        "Weak intensifiers",
        INTENSIFIERS,
        usual=2.0,
        advice=(
            "The word stands in for a stronger one.",
            "Swap the pair for one word: not “very important” but “essential”.",
            "Replace every “very” by a stronger word or a figure.",
        ),
    ),
    _phrases(
        "vocabulary.vague_words",
        "Vague words",
        VAGUE,
        usual=1.2,
        advice=(
            "Listeners cannot see what you mean.",
            "Name the thing: a tool, a number, a person.",
            "Use no “stuff” and no “things” in the next talk.",
        ),
    ),
    _openers,
    _run_ons,
    _connectors,
    _slips,
)


def _strength(coach: _Coach) -> dict[str, Any] | None:
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
    words = coach.talk.tokens[low : low + min(count, LONG_QUOTE_WORDS)]
    reason = "You link ideas with a reason." if noise < 0 else "You say this clearly and fluently."
    quote = coach.talk.text[words[0].start : words[-1].end]
    return {"text": reason, "quote": quote, "segment": segment.index}


def _topic(coach: _Coach) -> str:
    """Three words of content that occur most, as a label."""
    content = Counter(
        key
        for key in coach.talk.keys
        if key not in STOP_WORDS and len(key) > 3 and key.isalpha()  # noqa: PLR2004 - short words say little
    )
    words = [word for word, _ in content.most_common(3)]
    label = " ".join(["Talk about", *words]) if words else "A short spoken talk"
    return " ".join(label.split()[:5])


def _summary(coach: _Coach, topic: str, habits: Sequence[Habit]) -> str:
    about = topic.removeprefix("Talk about ").replace(" ", ", ")
    opening = f"You spoke {coach.words} words, mainly about: {about}."
    if not habits:
        return f"{opening} No habit stands out that would get in the way of your message."
    named = ", ".join(habit.name[0].lower() + habit.name[1:] for habit in habits[:2])
    return f"{opening} What would help most is to work on this: {named}."
