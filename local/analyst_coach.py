"""One talk prepared for the rules of the local analyst, and what such a rule finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipeline.speech.fillers import SOUNDS, Moment, Talk
from pipeline.speech.transcript import Segment, Transcript
from pipeline.speech.words import count_words, sentences_of, tokens_of

Severity = Literal["low", "medium", "high"]
RANKS: tuple[Severity, ...] = ("low", "medium", "high")


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
    worst: Severity = "high"
    """How much it can harm at most: what polishes a talk is never high."""

    @property
    def severity(self) -> Severity:
        """By how much it stands out: clearly, or twice that."""
        reached: Severity = "high" if self.weight >= 2 else "medium" if self.weight >= 1 else "low"  # noqa: PLR2004 - twice and once "clearly"
        return min(reached, self.worst, key=RANKS.index)


class Coach:
    """One transcript, read by every rule."""

    def __init__(self, transcript: Transcript) -> None:
        self.talk = Talk(transcript)
        self.words = sum(key not in SOUNDS for key in self.talk.keys)
        self.at = {token.start: i for i, token in enumerate(self.talk.tokens)}
        self._ends = {token.end: i + 1 for i, token in enumerate(self.talk.tokens)}
        self.segments = transcript.segments
        self.segment_of: list[Segment] = []
        """Of each token."""
        self.bounds: dict[int, tuple[int, int]] = {}
        """First and end token of a segment, by its number."""
        for segment in transcript.segments:
            low = len(self.segment_of)
            self.segment_of += [segment] * count_words(segment.text)
            self.bounds[segment.index] = (low, len(self.segment_of))

    def per_hundred(self, count: int) -> float:
        """Per hundred words without filler sounds."""
        return 100 * count / max(self.words, 1)

    def range_of(self, moment: Moment) -> tuple[int, int]:
        """The tokens of a moment."""
        return self.at[moment.start_offset], self._ends[moment.end_offset]

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """First and end token of each sentence that has words."""
        found, cursor = [], 0
        for sentence in sentences_of(self.talk.text):
            cursor = self.talk.text.index(sentence, cursor)
            words = tokens_of(sentence)
            if words:
                first = self.at[cursor + words[0].start]
                found.append((first, first + len(words)))
            cursor += len(sentence)
        return found

    def first_word(self, sentence: tuple[int, int]) -> int | None:
        """Where a sentence begins, filler sounds left out; None if there is nothing else."""
        return next((i for i in range(*sentence) if self.talk.keys[i] not in SOUNDS), None)

    def begins_clause(self, position: int) -> bool:
        """Whether a mark or nothing stands before a token."""
        if position in {0, self.bounds[self.segment_of[position].index][0]}:
            return True
        tokens = self.talk.tokens
        return not self.talk.text[tokens[position - 1].end : tokens[position].start].isspace()

    def covering(self, begin: int, end: int) -> tuple[int, int]:
        """The tokens that a stretch of characters touches."""
        touched = [i for i, t in enumerate(self.talk.tokens) if t.start < end and begin < t.end]
        return touched[0], touched[-1] + 1

    def text(self, first: int, end: int) -> str:
        """What the tokens `first` to `end` (exclusive) say."""
        return self.talk.text[self.talk.tokens[first].start : self.talk.tokens[end - 1].end]

    def spots(self, moments: Iterable[Moment]) -> tuple[tuple[int, int], ...]:
        """The tokens of each moment."""
        return tuple(self.range_of(moment) for moment in moments)
