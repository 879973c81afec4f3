"""Talks as the dashboard shows them, made without a pipeline: plain, hostile, two hours long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from pipeline.session import Insight, TranscriptShown
from pipeline.speech.quotes import locate
from pipeline.speech.transcript import Segment, Transcript
from pipeline.speech.words import count_words
from tests.talks import LINES, long_talk

HOSTILE = (
    "<script>document.title='taken'</script> um so I begin",
    "<img src=x onerror=\"document.title='taken'\"> and then um we go",
    "**bold** $x$ :red[danger] [a](http://x) and so on",
    "\u202eright to left\u202c and אני מדבר עברית עכשיו today",
    "👩🏽\u200d🚀 we fly 🎉 um to the moon 🌕 and back again",
)
HABITS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Filler words": ("high", ("um, we had an old", "And then, um, we made a plan")),
    "Vague words": ("medium", ("we made a plan, you know", "with stuff like dates")),
}
"""Pattern → severity and quotes of `LINES`; two of them overlap."""


def plain_talk() -> Transcript:
    """The six lines of `tests/talks.py`, the fifth of them hard to hear."""
    return talk_of(LINES, suspect=(4,))


def hostile_talk() -> Transcript:
    """Words that would be markup, somewhere."""
    return talk_of(HOSTILE)


def two_hours() -> Transcript:
    """18,000 words, and the six lines at the end so that there is something to find."""
    long = [segment.text for segment in long_talk(hours=2).segments]
    return talk_of((*long, *(["And so on."] * 500), *LINES))


def talk_of(lines: tuple[str, ...], *, suspect: Collection[int] = ()) -> Transcript:
    """A transcript of these lines, one each four seconds."""
    segments = tuple(
        Segment(number, line, 4.0 * number, 4.0 * number + 3, number in suspect)
        for number, line in enumerate(lines)
    )
    return Transcript(segments, "en", 4.0 * len(lines), "test")


TALKS: Mapping[str, Callable[[], Transcript]] = {
    "plain": plain_talk,
    "hostile": hostile_talk,
    "long": two_hours,
}


def shown(talk: Transcript) -> TranscriptShown:
    """A talk as the dashboard gets it."""
    return TranscriptShown(
        text=talk.text,
        word_count=count_words(talk.text),
        language=talk.language,
        engine=talk.engine,
        duration_seconds=talk.duration,
        segments=talk.segments,
        silences=talk.silences,
        prompt_version=None,
    )


def insight(number: int, pattern: str, severity: str, talk: Transcript, *quotes: str) -> Insight:
    """A habit with these words of the talk as its proof."""
    located = tuple(found for quote in quotes if (found := locate(quote, talk)))
    assert len(located) == len(quotes), "a quote is not in the talk"
    return Insight(
        id=UUID(int=number + 1),
        category="vocabulary",
        pattern_key=f"vocabulary.{number}",
        pattern=pattern,
        detail="As the quotes show.",
        frequency=len(quotes),
        counted=None,
        severity=severity,
        examples=located,
        places=len(located),
        suggestion="Breathe instead.",
    )


def insights_of(talk: Transcript) -> tuple[Insight, ...]:
    """The habits of a talk that is one of ours."""
    if talk.segments[0].text == HOSTILE[0]:
        quotes = ("um so I begin", "fly 🎉 um to the moon 🌕 and back")
        return (insight(0, "<b>Fillers</b> **um**", "high", talk, *quotes),)
    return tuple(
        insight(number, pattern, severity, talk, *quotes)
        for number, (pattern, (severity, quotes)) in enumerate(HABITS.items())
    )
