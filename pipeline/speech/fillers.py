"""Fillers and other moments of speech: words at a place, and at a time where there is one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pipeline.speech.quotes import word_at
from pipeline.speech.transcript import Segment, Silence, Transcript
from pipeline.speech.words import Token, tokens_of

SOUNDS = frozenset({"um", "umm", "uh", "uhh", "er", "erm", "hmm", "hm", "mm", "ah", "eh"})
"""Always fillers, and never words that count."""
PHRASES = (("like",), ("so",), ("you", "know"), ("i", "mean"), ("basically",))
"""Fillers only where commas or pauses set them off."""
SET_OFF_MARKS = frozenset(",;:.!?…—–-")
PAUSE_BESIDE_SECONDS = 0.25
"""A measured silence so near a word's edge sets it off (Campione & Véronis 2002: a pause)."""


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
        return [self._time(token) for token in self.tokens]

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
        for position in range(len(self.keys) - len(phrase) + 1):
            if tuple(self.keys[position : position + len(phrase)]) == phrase:
                yield position

    def _position(self, token: Token) -> int:
        return bisect_right(self._begins, token.start) - 1

    def _segment(self, token: Token) -> Segment:
        return self.transcript.segments[self._position(token)]

    def _time(self, token: Token) -> tuple[float | None, float | None]:
        position = self._position(token)
        heard = word_at(self.transcript.segments[position], token.start - self._begins[position])
        return (heard.start, heard.end) if heard else (None, None)


def find_fillers(transcript: Transcript) -> tuple[Moment, ...]:
    """Every filler in the order of the talk."""
    return fillers_in(Talk(transcript))


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
        if _is_set_off(talk, position, position + len(phrase))
    ]
    return tuple(sorted([*sounds, *phrases], key=lambda moment: moment.start_offset))


def _is_set_off(talk: Talk, first: int, end: int) -> bool:
    """Whether marks or pauses stand on both sides."""
    return _edge_before(talk, first) and _edge_after(talk, end)


def _edge_before(talk: Talk, first: int) -> bool:
    if first == 0 or talk.keys[first - 1] in SOUNDS:
        return True
    between = talk.text[talk.tokens[first - 1].end : talk.tokens[first].start]
    return _has_mark(between) or _is_silent_at(talk, talk.times[first][0])


def _edge_after(talk: Talk, end: int) -> bool:
    if end == len(talk.tokens) or talk.keys[end] in SOUNDS:
        return end < len(talk.tokens)
    between = talk.text[talk.tokens[end - 1].end : talk.tokens[end].start]
    return _has_mark(between) or _is_silent_at(talk, talk.times[end - 1][1])


def _has_mark(between: str) -> bool:
    return any(character in SET_OFF_MARKS for character in between)


def _is_silent_at(talk: Talk, moment: float | None) -> bool:
    return moment is not None and _touches(talk.transcript.silences, moment)


def _touches(silences: Iterable[Silence], moment: float) -> bool:
    return any(
        silence.start - PAUSE_BESIDE_SECONDS <= moment <= silence.end + PAUSE_BESIDE_SECONDS
        for silence in silences
    )
