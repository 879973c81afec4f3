"""Habits that code can find by itself: repeats, hedges, weak and vague words, openers, run-ons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from pipeline.speech.fillers import SOUNDS, Moment, Talk
from pipeline.speech.words import sentences_of, tokens_of

HEDGES = (
    ("maybe",),
    ("perhaps",),
    ("probably",),
    ("i", "think"),
    ("i", "guess"),
    ("i", "suppose"),
    ("kind", "of"),
    ("sort", "of"),
    ("a", "little", "bit"),
    ("somehow",),
    ("more", "or", "less"),
)
"""After Blankenship & Holtgraves 2005: what takes force from a statement."""
INTENSIFIERS = (("very",), ("really",), ("so", "much"), ("a", "lot"))
VAGUE = (
    ("thing",),
    ("things",),
    ("stuff",),
    ("something",),
    ("somehow",),
    ("and", "so", "on"),
    ("whatever",),
)
BASIC_CONNECTORS = frozenset({"and", "so", "but", "then"})
RICH_CONNECTORS = frozenset(
    {
        "however",
        "although",
        "though",
        "therefore",
        "because",
        "since",
        "while",
        "whereas",
        "unless",
        "despite",
        "instead",
        "meanwhile",
        "moreover",
        "furthermore",
        "consequently",
        "eventually",
        "finally",
    }
)
LONG_SENTENCE_WORDS = 35
"""A listener's memory ends about here (house value)."""


@dataclass(frozen=True, slots=True)
class Opener:
    """The word that most sentences begin with."""

    word: str
    sentences: int
    total: int


def moments_of(
    talk: Talk, phrases: tuple[tuple[str, ...], ...], *, kind: str
) -> tuple[Moment, ...]:
    """Every place of the phrases, in order."""
    found = [
        talk.moment(kind, position, position + len(phrase))
        for phrase in phrases
        for position in talk.find(phrase)
    ]
    return tuple(sorted(found, key=lambda moment: moment.start_offset))


def repeats_in(talk: Talk) -> tuple[Moment, ...]:
    """Words said twice in a row, filler sounds apart, and restarts by "I mean"."""
    spoken = [i for i, key in enumerate(talk.keys) if key not in SOUNDS]
    doubled = [
        talk.moment("repeat", first, second + 1)
        for first, second in pairwise(spoken)
        if talk.keys[first] == talk.keys[second] and not talk.keys[first].isdigit()
    ]
    restarts = [talk.moment("restart", i, i + 2) for i in talk.find(("i", "mean"))]
    return tuple(sorted([*doubled, *restarts], key=lambda moment: moment.start_offset))


def sentence_lengths(text: str) -> list[int]:
    """Words in each sentence, filler sounds left out; sentences of sounds alone do not count."""
    lengths = [
        sum(token.key not in SOUNDS for token in tokens_of(sentence))
        for sentence in sentences_of(text)
    ]
    return [length for length in lengths if length]


def commonest_opener(text: str) -> Opener | None:
    """The commonest first word of sentences; None where there is no sentence."""
    firsts: Counter[str] = Counter()
    for sentence in sentences_of(text):
        spoken = [token.key for token in tokens_of(sentence) if token.key not in SOUNDS]
        if spoken:
            firsts[spoken[0]] += 1
    if not firsts:
        return None
    word, count = firsts.most_common(1)[0]
    return Opener(word, count, firsts.total())
