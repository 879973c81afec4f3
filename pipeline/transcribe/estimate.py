"""Times for a transcript that came without: sentences laid over the measured speech.

The part's place is known, and so is where in it somebody speaks. The text is spread over that
speech by its length in characters. This is good to some seconds, and marked as an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.audio import Part
from pipeline.speech.transcript import Segment, Silence
from pipeline.speech.words import sentences_of


def placed_by_speech(text: str, part: Part, silences: Sequence[Silence]) -> tuple[Segment, ...]:
    """One segment a sentence, so that quotes have a place, each with an estimated time."""
    sentences = sentences_of(text.strip())
    total = sum(map(len, sentences))
    stretches = _speech_in(part, silences)
    found, said = [], 0
    for index, sentence in enumerate(sentences):
        begin, said = said / total, said + len(sentence)
        found.append(
            Segment(
                index=index,
                text=sentence,
                start=_time_at(begin, stretches),
                end=_time_at(said / total, stretches, at_end=True),
                estimated=True,
            )
        )
    return tuple(found)


def _speech_in(part: Part, silences: Sequence[Silence]) -> list[tuple[float, float]]:
    """The stretches of a part that are not silent; all of it where there is none."""
    stretches, cursor = [], part.start
    for silence in silences:
        if silence.end <= part.start or silence.start >= part.end:
            continue
        if silence.start > cursor:
            stretches.append((cursor, silence.start))
        cursor = max(cursor, silence.end)
    if cursor < part.end:
        stretches.append((cursor, part.end))
    return stretches or [(part.start, part.end)]


def _time_at(
    share: float, stretches: Sequence[tuple[float, float]], *, at_end: bool = False
) -> float:
    """When so much of the speech is over; between two stretches the earlier one at an end."""
    left = share * sum(end - start for start, end in stretches)
    for start, end in stretches:
        length = end - start
        if left < length or (at_end and left <= length + 1e-9):
            return round(start + min(left, length), 3)
        left -= length
    return round(stretches[-1][1], 3)
