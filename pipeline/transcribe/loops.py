"""Loops: an engine that has lost its way says the same again and again; once is kept, marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.speech.transcript import Segment, Word
from pipeline.speech.words import tokens_of

SEGMENT_REPEATS = 3
"""A row of segments said so often is a loop (house value)."""
DOUBTED_REPEATS = 2
"""The same where the engine's own figures say that it was lost (house value)."""
LONGEST_ROW = 4
"""Segments that a loop goes through before it begins anew (house value)."""
PHRASE_REPEATS = 4
"""A phrase of two words or more said so often without a break (house value: "we, we, we" is a
learner's own)."""
WORD_REPEATS = 6
"""A single word; "no, no, no, no" is still speech (house value)."""
LONGEST_PHRASE_WORDS = 12


def without_loops(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The same segments with every loop said once, and marked as suspect; numbered anew."""
    short = [_said_once(segment) for segment in segments]
    keys = [tuple(token.key for token in tokens_of(segment.text)) for segment in short]
    kept: list[Segment] = []
    place = 0
    while place < len(short):
        row, repeats = _loop_at(place, keys, short)
        if repeats > 1:
            kept += [replace(segment, suspect=True) for segment in short[place : place + row]]
            place += row * repeats
        else:
            kept.append(short[place])
            place += 1
    return tuple(replace(segment, index=index) for index, segment in enumerate(kept))


def _loop_at(
    place: int, keys: Sequence[tuple[str, ...]], segments: Sequence[Segment]
) -> tuple[int, int]:
    """How many segments the loop that begins here has, and how often it goes round."""
    for row in range(1, LONGEST_ROW + 1):
        first = keys[place : place + row]
        repeats = 1
        while keys[place + repeats * row : place + (repeats + 1) * row] == first:
            repeats += 1
        doubted = any(segment.suspect for segment in segments[place + row : place + row * repeats])
        if any(first) and repeats >= (DOUBTED_REPEATS if doubted else SEGMENT_REPEATS):
            return row, repeats
    return 1, 1


def _said_once(segment: Segment) -> Segment:
    """A segment whose own loops are cut out of its text and its words."""
    spans = _repeated_spans(segment.text)
    if not spans:
        return segment
    text, cursor = "", 0
    for begin, end in spans:
        text += segment.text[cursor:begin]
        cursor = end
    return replace(
        segment,
        text=text + segment.text[cursor:],
        suspect=True,
        words=_words_outside(spans, segment),
    )


def _repeated_spans(text: str) -> list[tuple[int, int]]:
    """Where the second and later rounds of a loop stand in the text."""
    tokens = tokens_of(text)
    keys = [token.key for token in tokens]
    spans = []
    place = 0
    while place < len(keys):
        size, repeats = _phrase_at(place, keys)
        if repeats > 1:
            last = place + size * repeats - 1
            spans.append((tokens[place + size - 1].end, tokens[last].end))
            place = last + 1
        else:
            place += 1
    return spans


def _phrase_at(place: int, keys: Sequence[str]) -> tuple[int, int]:
    """How many words the phrase has that is said over and over from here, and how often."""
    for size in range(1, LONGEST_PHRASE_WORDS + 1):
        phrase = keys[place : place + size]
        repeats = 1
        while keys[place + repeats * size : place + (repeats + 1) * size] == phrase:
            repeats += 1
        if len(phrase) == size and repeats >= (WORD_REPEATS if size == 1 else PHRASE_REPEATS):
            return size, repeats
    return 1, 1


def _words_outside(spans: Sequence[tuple[int, int]], segment: Segment) -> tuple[Word, ...]:
    """The timed words that stand in the text that is left."""
    kept = []
    cursor = 0
    for word in segment.words:
        found = segment.text.find(word.text, cursor)
        if found >= 0:
            cursor = found + len(word.text)
            if any(begin <= found < end for begin, end in spans):
                continue
        kept.append(word)
    return tuple(kept)
