"""Locating quotes: the learner's words are found in the transcript, or they are not evidence.

A quote is compared word by word, without case, punctuation and kinds of quote marks
(NFKC). All of it in a row is `verified`. One window of at least 0.90 similarity is
`repaired`: then the transcript's words count, and the model's are kept beside.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Indel

from pipeline.speech.transcript import Segment, Transcript, Word
from pipeline.speech.words import Token, tokens_of

SHORTEST_WORDS = 3
"""Fewer words are found everywhere and prove nothing."""
REPAIR_SIMILARITY = 0.90
"""Of words in order: normalised insertions and deletions."""


@dataclass(frozen=True, slots=True)
class LocatedQuote:
    """A quote and its place in the transcript."""

    text: str
    """The transcript's words, punctuation between them included."""
    claimed: str
    """The model's wording."""
    status: Literal["verified", "repaired"]
    start_offset: int
    end_offset: int
    """Characters in `Transcript.text`: `text` is just that slice."""
    segment: int
    """Where the quote begins."""
    start: float | None
    end: float | None
    """Seconds; None where the transcript has no times."""
    suspect: bool
    """Every segment that it touches was hard to hear."""


def locate(
    quote: str, transcript: Transcript, *, segment: int | None = None
) -> LocatedQuote | None:
    """Find one quote; for several use one `QuoteIndex`."""
    return QuoteIndex(transcript).locate(quote, segment=segment)


class QuoteIndex:
    """A transcript prepared for finding quotes in it."""

    def __init__(self, transcript: Transcript) -> None:
        self._text = transcript.text
        self._segments = transcript.segments
        self._tokens = tokens_of(self._text)
        self._keys = [token.key for token in self._tokens]
        self._places: dict[str, list[int]] = defaultdict(list)
        for position, key in enumerate(self._keys):
            self._places[key].append(position)
        self._begins = _begins(transcript.segments)

    def locate(self, quote: str, *, segment: int | None = None) -> LocatedQuote | None:
        """The quote's place, the one in `segment` where there are several; None if not there."""
        wanted = [token.key for token in tokens_of(quote)]
        if len(wanted) < SHORTEST_WORDS:
            return None
        exact = self._exact(wanted)
        if exact:
            first = next((p for p in exact if self._segment_at(p) == segment), exact[0])
            return self._located(quote, first, first + len(wanted), "verified")
        window = self._similar(wanted)
        return self._located(quote, *window, "repaired") if window else None

    def _exact(self, wanted: list[str]) -> list[int]:
        """Where all the words stand in a row, found from the rarest of them."""
        rarest = min(range(len(wanted)), key=lambda i: len(self._places.get(wanted[i], ())))
        begins = (place - rarest for place in self._places.get(wanted[rarest], ()))
        return [b for b in begins if b >= 0 and self._keys[b : b + len(wanted)] == wanted]

    def _similar(self, wanted: list[str]) -> tuple[int, int] | None:
        """The most similar window, if it is similar enough."""
        best: tuple[float, int, int] | None = None
        for begin in self._candidates(wanted):
            for length in _lengths(len(wanted)):
                window = self._keys[begin : begin + length]
                score = Indel.normalized_similarity(wanted, window)
                if score >= REPAIR_SIMILARITY and (best is None or score > best[0]):
                    best = (score, begin, begin + len(window))
        return (best[1], best[2]) if best else None

    def _candidates(self, wanted: list[str]) -> Iterable[int]:
        """Where a similar window may begin: around places of the quote's rarer words."""
        slack = max(1, len(wanted) // 10)
        rare = sorted(set(wanted), key=lambda key: len(self._places.get(key, ())))
        # At 0.90 at most a tenth of the words differ, so one of the rarest that occur is right.
        anchors = [key for key in rare if key in self._places][: slack + 1]
        begins = {
            place - wanted.index(key) + shift
            for key in anchors
            for place in self._places[key]
            for shift in range(-slack, slack + 1)
        }
        return sorted(b for b in begins if 0 <= b < len(self._keys))

    def _segment_at(self, position: int) -> int:
        """The segment that a word stands in."""
        offset = self._tokens[position].start
        return bisect_right(self._begins, offset) - 1

    def _located(
        self, claimed: str, first: int, end: int, status: Literal["verified", "repaired"]
    ) -> LocatedQuote:
        words = self._tokens[first:end]
        begin, finish = self._segment_at(first), self._segment_at(end - 1)
        touched = self._segments[begin : finish + 1]
        return LocatedQuote(
            text=self._text[words[0].start : words[-1].end],
            claimed=claimed,
            status=status,
            start_offset=words[0].start,
            end_offset=words[-1].end,
            segment=self._segments[begin].index,
            start=self._time(words[0], begin, at="start"),
            end=self._time(words[-1], finish, at="end"),
            suspect=all(segment.suspect for segment in touched),
        )

    def _time(self, token: Token, position: int, *, at: Literal["start", "end"]) -> float | None:
        """When a word is spoken: by its own time, else by its segment's if that was heard."""
        segment = self._segments[position]
        if segment.estimated:
            return None
        heard = word_at(segment, token.start - self._begins[position])
        time: float | None = getattr(heard or segment, at)
        return time


def word_at(segment: Segment, offset: int) -> Word | None:
    """The timed word that covers a character of the segment's text."""
    cursor = 0
    for word in segment.words:
        found = segment.text.find(word.text, cursor)
        if found < 0:
            continue
        cursor = found + len(word.text)
        if found <= offset < cursor:
            return word
    return None


def _begins(segments: tuple[Segment, ...]) -> list[int]:
    """Where each segment begins in the joined text."""
    begins, cursor = [], 0
    for segment in segments:
        begins.append(cursor)
        cursor += len(segment.text) + 1
    return begins


def _lengths(words: int) -> range:
    """Window lengths that can still reach the similarity."""
    slack = max(1, words // 10)
    return range(max(SHORTEST_WORDS, words - slack), words + slack + 1)
