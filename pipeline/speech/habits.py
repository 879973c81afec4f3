"""Habits that code can find by itself: repeats, hedges, weak and vague words, openers, run-ons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from pipeline.speech.fillers import SOUNDS, Moment, Talk
from pipeline.speech.transcript import Segment, Transcript

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
    """Words said twice in a row, and restarts by "I mean", in order.

    A repeat is w(i) = w(i+1) within a sentence, filler sounds between them apart; numbers are
    read out digit by digit and are none. A restart is an "I mean" that breaks off what a sentence
    had begun: a mark, a pause or a filler stands before it. Toastmasters' Ah-Counter counts both.
    """
    found = []
    for sentence in talk.sentences:
        spoken = [i for i in sentence if talk.keys[i] not in SOUNDS]
        found += [
            talk.moment("repeat", first, second + 1)
            for first, second in pairwise(spoken)
            if talk.keys[first] == talk.keys[second] and not talk.keys[first].isdigit()
        ]
        found += [
            talk.moment("restart", first, second + 1)
            for first, second in pairwise(spoken[1:])
            if (talk.keys[first], talk.keys[second]) == ("i", "mean")
            and talk.has_edge_before(first)
        ]
    return tuple(sorted(found, key=lambda moment: moment.start_offset))


def spoken_sentences(talk: Talk) -> list[tuple[range, list[str]]]:
    """Each sentence with its words, filler sounds left out; one of sounds alone is none."""
    held = [
        (sentence, [talk.keys[i] for i in sentence if talk.keys[i] not in SOUNDS])
        for sentence in talk.sentences
    ]
    return [(sentence, words) for sentence, words in held if words]


def commonest_opener(text: str) -> Opener | None:
    """The commonest first word of sentences; None where there is no sentence."""
    return opener_of(spoken_sentences(_read(text)))


def opener_of(sentences: list[tuple[range, list[str]]]) -> Opener | None:
    """The commonest first word of a prepared talk's sentences; None where there is none."""
    firsts = Counter(words[0] for _, words in sentences)
    if not firsts:
        return None
    word, count = firsts.most_common(1)[0]
    return Opener(word, count, firsts.total())


def _read(text: str) -> Talk:
    return Talk(Transcript((Segment(0, text),), "en", 0.0, "text"))
