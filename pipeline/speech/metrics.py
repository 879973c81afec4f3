"""What can be measured of a talk, by code, with the source of each formula (speech.md §5).

D is the time from the first word's start to the last word's end in seconds, W the words
without filler sounds, F the fillers. Absent is absent, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.speech.bands import DEFAULT_BANDS, Bands
from pipeline.speech.fillers import SOUNDS, Talk
from pipeline.speech.metric import Measurement
from pipeline.speech.timing import pace_metrics, pause_metrics, pauses_in, span_of
from pipeline.speech.transcript import Segment, Silence, Transcript, unheard_in
from pipeline.speech.wording import (
    diversity_metrics,
    filler_metric,
    repeat_metrics,
    sentence_metrics,
    weak_word_metrics,
)

SHORTEST_SECONDS = 30.0
SHORTEST_WORDS = 50
"""Below either, rates would be noise."""
ENGLISH = frozenset({"en", "english"})
"""The lists of fillers, hedges and weak words are English: of another language they say nothing."""


def measure(transcript: Transcript, bands: Bands = DEFAULT_BANDS) -> Measurement:
    """Every metric that this transcript can carry."""
    talk = Talk(transcript)
    words = [i for i, key in enumerate(talk.keys) if key not in SOUNDS]
    span = span_of(talk)
    if span.seconds < SHORTEST_SECONDS or len(words) < SHORTEST_WORDS:
        note = (
            f"Too short to tell: rates need {SHORTEST_SECONDS:.0f} seconds and "
            f"{SHORTEST_WORDS} words; this talk has {span.seconds:.0f} seconds and "
            f"{len(words)} words."
        )
        return Measurement((), note)
    pauses = pauses_in(talk, span)
    is_english = transcript.language.lower() in ENGLISH
    metrics = pace_metrics(talk, words, span, pauses, bands)
    if is_english:
        metrics.append(filler_metric(talk, span, bands))
    metrics += pause_metrics(talk, span, pauses)
    if is_english:
        metrics += weak_word_metrics(talk, len(words))
    metrics += repeat_metrics(talk, span, with_restarts=is_english)
    metrics += sentence_metrics(talk, bands)
    metrics += diversity_metrics([talk.keys[i] for i in words])
    return Measurement(tuple(metrics), _note(transcript, is_english=is_english))


def _note(transcript: Transcript, *, is_english: bool) -> str | None:
    """What is missing, and why."""
    missing = []
    if not transcript.has_times:
        missing.append(
            "This transcript has no word times: pace over time and some moments are missing."
        )
    if not is_english:
        missing.append("Not in English: fillers, hedges and weak words are not counted.")
    return " ".join(missing) or None


def rests_on(
    engine: str, segments: Sequence[Segment], silences: Sequence[Silence], *, has_times: bool
) -> str:
    """What a talk's figures rest on: the engine, how well it could hear, what it left out."""
    suspect = sum(segment.suspect for segment in segments)
    share = f" ({100 * suspect / len(segments):.0f} %)" if segments else ""
    times = "words with times" if has_times else "words without times"
    lost = sum(gap.seconds for gap in unheard_in(segments, silences))
    unheard = (
        f" {lost:.0f} seconds of sound were left without words: rates are too low." if lost else ""
    )
    return (
        f"Transcribed by {engine}, {times}; {suspect} of {len(segments)} segments{share} "
        f"were hard to hear.{unheard if lost else ''}"
    )
