"""The gate: what of an engine's answer may be believed, and what only with a mark.

Whisper writes words where nobody spoke, and goes round in circles. What it takes for silence
itself is dropped; what is doubtful is kept and marked, and never analysed by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from pipeline.audio import Part
from pipeline.speech.transcript import Segment, Silence, Word, silent_seconds
from pipeline.transcribe.estimate import placed_by_speech
from pipeline.transcribe.heard import Heard, HeardSegment
from pipeline.transcribe.loops import without_loops

NO_SPEECH_PROBABILITY = 0.6
"""`no_speech_threshold` of OpenAI's decoder (whisper/transcribe.py)."""
NO_SPEECH_LOGPROB = -1.0
"""`logprob_threshold` of the same: a sure text is believed even if silence seems likely."""
LOOPING_COMPRESSION_RATIO = 2.4
"""`compression_ratio_threshold` of the same."""
UNSURE_LOGPROB = -0.8
"""Stricter than the decoder's own -1.0, at which it would try again (house value)."""
SILENT_SHARE = 0.9
"""A segment of which so much is measured silence was hardly said (house value; engines stretch
words over pauses, so less proves nothing)."""


def gated(heard: Heard, part: Part, silences: Sequence[Silence]) -> tuple[Segment, ...]:
    """The segments of a part that stand, with their times in the whole recording.

    Their numbers count within the part.
    """
    if heard.segments is None:
        found = placed_by_speech(heard.text, part, silences)
    else:
        found = _timed(heard.segments, heard.words, part, silences)
    return without_loops(found)


def _timed(
    segments: Sequence[HeardSegment],
    words: Sequence[Word],
    part: Part,
    silences: Sequence[Silence],
) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for heard, spoken in zip(segments, _shared_out(words, segments), strict=True):
        if not heard.text or _is_unheard(heard):
            continue
        start, end = heard.start + part.start, heard.end + part.start
        found.append(
            Segment(
                index=len(found),
                text=heard.text,
                start=round(start, 3),
                end=round(end, 3),
                suspect=_is_doubtful(heard) or _is_silent(start, end, silences),
                words=tuple(_moved(word, part.start) for word in spoken),
            )
        )
    return tuple(found)


def _is_unheard(heard: HeardSegment) -> bool:
    return heard.no_speech_prob > NO_SPEECH_PROBABILITY and heard.avg_logprob < NO_SPEECH_LOGPROB


def _is_doubtful(heard: HeardSegment) -> bool:
    return heard.compression_ratio > LOOPING_COMPRESSION_RATIO or heard.avg_logprob < UNSURE_LOGPROB


def _is_silent(start: float, end: float, silences: Sequence[Silence]) -> bool:
    silent = silent_seconds(silences, start, end)
    return end > start and silent >= SILENT_SHARE * (end - start)


def _moved(word: Word, by: float) -> Word:
    if word.start is None or word.end is None:
        return word
    return Word(word.text, round(word.start + by, 3), round(word.end + by, 3))


def _shared_out(
    words: Sequence[Word], segments: Sequence[HeardSegment]
) -> tuple[tuple[Word, ...], ...]:
    """Each word given to one segment: the one that its middle lies in, or else the nearest.

    Engines let the ends touch, and place a word a little beside its segment.
    """
    shares: list[list[Word]] = [[] for _ in segments]
    begins = [segment.start for segment in segments]
    for word in words:
        if not segments or word.start is None or word.end is None:
            continue
        middle = (word.start + word.end) / 2
        before = max(0, bisect_right(begins, middle) - 1)
        after = min(before + 1, len(segments) - 1)
        distances = [
            (max(segments[i].start - middle, middle - segments[i].end, 0.0), i)
            for i in (before, after)
        ]
        shares[min(distances)[1]].append(word)
    return tuple(map(tuple, shares))
