"""Locating quotes: the learner's words are found in the transcript, or they are not evidence.

A quote is compared word by word, without case, punctuation and kinds of quote marks
(NFKC). All of it in a row is `verified`. One window of at least 0.90 similarity is
`repaired`: then the transcript's words count, and the model's are kept beside.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Indel, LCSseq

from pipeline.speech.transcript import Segment, Transcript, Word
from pipeline.speech.words import Token, tokens_of

SHORTEST_WORDS = 3
"""Fewer words are found everywhere and prove nothing."""
REPAIR_SIMILARITY = 0.90
"""Of words in order: normalised insertions and deletions."""
_FIRST_LETTER = 0x10000
"""Above the surrogates, with room for a million different words."""
_UNHEARD = "\0"
"""A word that the transcript does not have."""


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
    """A transcript prepared for finding quotes in it.

    Each different word is written as one character, so that a run of words is a string:
    searching and comparing strings is what Python and rapidfuzz do fastest.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._text = transcript.text
        self._segments = transcript.segments
        self._tokens = tokens_of(self._text)
        self._letters: dict[str, str] = {}
        for token in self._tokens:
            self._letters.setdefault(token.key, chr(_FIRST_LETTER + len(self._letters)))
        self._words = "".join(self._letters[token.key] for token in self._tokens)
        self._often = Counter(self._words)
        self._begins = _begins(transcript.segments)

    def locate(self, quote: str, *, segment: int | None = None) -> LocatedQuote | None:
        """The quote's place, the one in `segment` where there are several; None if not there."""
        wanted = "".join(self._letters.get(token.key, _UNHEARD) for token in tokens_of(quote))
        if len(wanted) < SHORTEST_WORDS:
            return None
        exact = _places(wanted, self._words)
        if exact:
            first = next((p for p in exact if self._segment_at(p) == segment), exact[0])
            return self._located(quote, first, first + len(wanted), "verified")
        window = self._similar(wanted, segment)
        return self._located(quote, *window, "repaired") if window else None

    def _similar(self, wanted: str, segment: int | None) -> tuple[int, int] | None:
        """The most similar window, if it is similar enough; of equals the one in `segment`."""
        best: tuple[float, bool, int, int] | None = None
        shortest, longest = _least_in_window(len(wanted)), _most_in_window(len(wanted))
        for begin in self._candidates(wanted):
            for end in range(begin + max(SHORTEST_WORDS, shortest), begin + longest + 1):
                if end > len(self._words):
                    break
                score = Indel.normalized_similarity(wanted, self._words[begin:end])
                if score < REPAIR_SIMILARITY:
                    continue
                found = (score, self._segment_at(begin) == segment, -begin, end)
                best = max(best, found) if best else found
        return (-best[2], best[3]) if best else None

    def _candidates(self, wanted: str) -> Iterable[int]:
        """Where a similar window may begin: around places of the quote's rarest words.

        At 0.90 a window of m words shares at least 0.45 (n + m) words in order with a quote of
        n, and m cannot be less than what is shared: so at least 9/11 of the quote is there, and
        at most 2/11 is missing. Of one more of its words than that, one is where it should be.
        """
        size = len(wanted)
        missing, added = size - _least_in_window(size), _most_in_window(size) - size
        rarest = sorted(range(size), key=lambda i: self._often[wanted[i]])[: missing + 1]
        begins: set[int] = set()
        for index in rarest:
            for place in _places(wanted[index], self._words):
                low = max(0, place - index - added)
                high = min(place - index + missing, len(self._words) - 1)
                around = self._words[low : high + _most_in_window(size)]
                enough = _least_in_window(size)
                if LCSseq.similarity(wanted, around, score_cutoff=enough) >= enough:
                    begins.update(range(low, high + 1))
        return sorted(begins)

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


def _least_in_window(words: int) -> int:
    """The shortest window that can be similar enough to a quote of so many words."""
    return -(-9 * words // 11)


def _most_in_window(words: int) -> int:
    """The longest one."""
    return 11 * words // 9


def _places(wanted: str, words: str) -> list[int]:
    """Every place of a string in another, overlapping ones too."""
    places, place = [], words.find(wanted)
    while place >= 0:
        places.append(place)
        place = words.find(wanted, place + 1)
    return places
