"""The habits that code can find in a talk, each counted and located."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
from pipeline.speech.transcript import Transcript
from pipeline.speech.words import sentences_of, tokens_of

QUOTED_WORDS = 14
"""Of a long sentence: enough to see it run on."""
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


class Coach:
    """One transcript, read by every rule."""

    def __init__(self, transcript: Transcript) -> None:
        self.talk = Talk(transcript)
        self.words = sum(key not in SOUNDS for key in self.talk.keys)
        self.at = {token.start: i for i, token in enumerate(self.talk.tokens)}
        self._ends = {token.end: i + 1 for i, token in enumerate(self.talk.tokens)}

    def per_hundred(self, count: int) -> float:
        """Per hundred words without filler sounds."""
        return 100 * count / max(self.words, 1)

    def range_of(self, moment: Moment) -> tuple[int, int]:
        """The tokens of a moment."""
        return self.at[moment.start_offset], self._ends[moment.end_offset]

    def spots(self, moments: Iterable[Moment]) -> tuple[tuple[int, int], ...]:
        """The tokens of each moment."""
        return tuple(self.range_of(moment) for moment in moments)


def _fillers(coach: Coach) -> Iterable[Habit]:
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


def _repeats(coach: Coach) -> Iterable[Habit]:
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
) -> Callable[[Coach], Iterable[Habit]]:
    effect, suggestion, focus = advice

    def rule(coach: Coach) -> Iterable[Habit]:
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


def _openers(coach: Coach) -> Iterable[Habit]:
    opener = commonest_opener(coach.talk.text)
    if opener is None or opener.total < 5 or opener.sentences / opener.total <= 0.2:  # noqa: PLR2004 - speech.md §5: noted above 20 %
        return
    spots = [
        (coach.at[place], coach.at[place] + 1)
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


def _run_ons(coach: Coach) -> Iterable[Habit]:
    spots, longest, cursor = [], 0, 0
    for sentence in sentences_of(coach.talk.text):
        cursor = coach.talk.text.index(sentence, cursor)
        words = tokens_of(sentence)
        spoken = sum(token.key not in SOUNDS for token in words)
        if spoken > LONG_SENTENCE_WORDS:
            first = coach.at[cursor + words[0].start]
            spots.append((first, first + QUOTED_WORDS))
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


def _connectors(coach: Coach) -> Iterable[Habit]:
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


def _slips(coach: Coach) -> Iterable[Habit]:
    found: dict[str, list[tuple[int, int]]] = {}
    for key, expression in SLIPS:
        for match in re.finditer(expression, coach.talk.text, re.IGNORECASE):
            first = coach.at.get(match.start())
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


RULES: tuple[Callable[[Coach], Iterable[Habit]], ...] = (
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
