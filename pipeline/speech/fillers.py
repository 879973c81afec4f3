"""Fillers and other moments of speech: words at a place, and at a time where there is one."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pipeline.speech.transcript import Segment, Transcript, Word
from pipeline.speech.words import Token, sentence_spans, tokens_of

SOUNDS = frozenset({"um", "umm", "uh", "uhh", "er", "erm", "hmm", "hm", "mm", "ah", "eh"})
"""Always fillers, and never words that count."""
PHRASES = (("like",), ("so",), ("you", "know"), ("i", "mean"), ("basically",))
"""Fillers only where commas or pauses set them off."""
SET_OFF_MARKS = frozenset(",;:.!?…—–-")
PAUSE_SECONDS = 0.25
"""Shorter silences belong to articulation (Campione & Véronis 2002)."""
PAUSE_BESIDE_SECONDS = 0.25
"""A pause so near a word's edge sets it off: engines stretch words into the silence beside."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something in the talk that a coach can jump to."""

    kind: str
    text: str
    start_offset: int
    end_offset: int
    """Characters in `Transcript.text`."""
    segment: int
    start: float | None
    end: float | None
    """Seconds; None where the transcript has no times."""


class Talk:
    """A transcript's words in a row, with their places and times."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.text = transcript.text
        self.tokens = tokens_of(self.text)
        self.keys = [token.key for token in self.tokens]

    @cached_property
    def _begins(self) -> list[int]:
        begins, cursor = [], 0
        for segment in self.transcript.segments:
            begins.append(cursor)
            cursor += len(segment.text) + 1
        return begins

    @cached_property
    def times(self) -> list[tuple[float | None, float | None]]:
        """Start and end of each token in seconds, None where they are not known."""
        times: list[tuple[float | None, float | None]] = []
        heard: list[tuple[int, int, Word]] = []
        position, cursor = -1, 0
        for token in self.tokens:
            if self._position(token) != position:
                position, cursor = self._position(token), 0
                heard = _heard(self.transcript.segments[position], self._begins[position])
            while cursor < len(heard) and heard[cursor][1] <= token.start:
                cursor += 1
            if cursor < len(heard) and heard[cursor][0] <= token.start:
                times.append((heard[cursor][2].start, heard[cursor][2].end))
            else:
                times.append((None, None))
        return times

    @cached_property
    def sentences(self) -> list[range]:
        """The tokens of each sentence; what holds no word is no sentence."""
        starts = [token.start for token in self.tokens]
        held = [
            range(bisect_right(starts, begin - 1), bisect_right(starts, end - 1))
            for begin, end in sentence_spans(self.text)
        ]
        return [tokens for tokens in held if tokens]

    @cached_property
    def _pauses(self) -> tuple[list[float], list[float]]:
        """Starts and ends of the silences that are pauses, in order."""
        pauses = sorted(
            (silence.start, silence.end)
            for silence in self.transcript.silences
            if silence.seconds >= PAUSE_SECONDS
        )
        return [start for start, _ in pauses], [end for _, end in pauses]

    @cached_property
    def _places(self) -> Mapping[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for position, key in enumerate(self.keys):
            places[key].append(position)
        return places

    def moment(self, kind: str, first: int, end: int) -> Moment:
        """The tokens `first` to `end` (exclusive) as a moment."""
        words = self.tokens[first:end]
        return Moment(
            kind=kind,
            text=self.text[words[0].start : words[-1].end],
            start_offset=words[0].start,
            end_offset=words[-1].end,
            segment=self._segment(words[0]).index,
            start=self.times[first][0],
            end=self.times[end - 1][1],
        )

    def find(self, phrase: tuple[str, ...]) -> Iterator[int]:
        """Where a phrase begins, token by token."""
        for position in self._places.get(phrase[0], ()):
            if tuple(self.keys[position : position + len(phrase)]) == phrase:
                yield position

    def has_edge_before(self, position: int) -> bool:
        """Whether a mark, a pause or a filler sound stands before a token, or nothing at all."""
        if position == 0 or self.keys[position - 1] in SOUNDS:
            return True
        between = self.text[self.tokens[position - 1].end : self.tokens[position].start]
        return _has_mark(between) or self._is_silent_at(self.times[position][0])

    def has_edge_after(self, end: int) -> bool:
        """Whether a mark, a pause or a filler sound stands before token `end`, or the end does."""
        if end == len(self.tokens) or self.keys[end] in SOUNDS:
            return True
        between = self.text[self.tokens[end - 1].end : self.tokens[end].start]
        return _has_mark(between) or self._is_silent_at(self.times[end - 1][1])

    def _is_silent_at(self, moment: float | None) -> bool:
        if moment is None:
            return False
        starts, ends = self._pauses
        nearest = bisect_right(starts, moment + PAUSE_BESIDE_SECONDS) - 1
        return nearest >= 0 and moment <= ends[nearest] + PAUSE_BESIDE_SECONDS

    def _position(self, token: Token) -> int:
        return bisect_right(self._begins, token.start) - 1

    def _segment(self, token: Token) -> Segment:
        return self.transcript.segments[self._position(token)]


def _heard(segment: Segment, begin: int) -> list[tuple[int, int, Word]]:
    """Where in the whole text each timed word of a segment stands."""
    places, cursor = [], 0
    for word in segment.words:
        found = segment.text.find(word.text, cursor)
        if found < 0:
            continue
        cursor = found + len(word.text)
        places.append((begin + found, begin + cursor, word))
    return places


def fillers_in(talk: Talk) -> tuple[Moment, ...]:
    """Every filler of a prepared talk, in order."""
    sounds = [
        talk.moment("filler", position, position + 1)
        for position, key in enumerate(talk.keys)
        if key in SOUNDS
    ]
    phrases = [
        talk.moment("filler", position, position + len(phrase))
        for phrase in PHRASES
        for position in talk.find(phrase)
        if talk.has_edge_before(position) and talk.has_edge_after(position + len(phrase))
    ]
    return tuple(sorted([*sounds, *phrases], key=lambda moment: moment.start_offset))


def _has_mark(between: str) -> bool:
    return any(character in SET_OFF_MARKS for character in between)
