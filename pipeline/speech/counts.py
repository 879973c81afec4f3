"""Counting pattern keys by code, where code can: its figure stands beside the model's claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.speech.fillers import Talk, fillers_in
from pipeline.speech.habits import (
    BASIC_CONNECTORS,
    HEDGES,
    INTENSIFIERS,
    LONG_SENTENCE_WORDS,
    VAGUE,
    moments_of,
    opener_of,
    repeats_in,
    spoken_sentences,
)


def count_pattern(pattern_key: str, talk: Talk) -> int | None:
    """How often a pattern occurs; None for keys that only understanding can count."""
    counter = _COUNTERS.get(pattern_key)
    return counter(talk) if counter else None


def _openers(talk: Talk) -> int:
    opener = opener_of(spoken_sentences(talk))
    return opener.sentences if opener else 0


_COUNTERS: Mapping[str, Callable[[Talk], int]] = {
    "vocabulary.fillers": lambda talk: len(fillers_in(talk)),
    "vocabulary.repetition": lambda talk: sum(m.kind == "repeat" for m in repeats_in(talk)),
    "structure.restarts": lambda talk: sum(m.kind == "restart" for m in repeats_in(talk)),
    "vocabulary.hedging": lambda talk: len(moments_of(talk, HEDGES, kind="hedge")),
    "vocabulary.weak_intensifiers": lambda talk: len(
        moments_of(talk, INTENSIFIERS, kind="intensifier")
    ),
    "vocabulary.vague_words": lambda talk: len(moments_of(talk, VAGUE, kind="vague")),
    "vocabulary.limited_connectors": lambda talk: sum(key in BASIC_CONNECTORS for key in talk.keys),
    "structure.same_openers": _openers,
    "structure.run_ons": lambda talk: sum(
        len(words) > LONG_SENTENCE_WORDS for _, words in spoken_sentences(talk)
    ),
}
