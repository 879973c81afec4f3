"""What an analysis made of such a talk, with the failings of one; proven by the real code."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from pipeline.analyze import prompt
from pipeline.analyze.client import Reading
from pipeline.analyze.judgement import judge
from pipeline.analyze.price import Tokens, cost_usd
from pipeline.analyze.schema import (
    MOST_EXAMPLES,
    MOST_INSIGHTS,
    MOST_STRENGTHS,
    Analysis,
    Category,
    InsightAnswer,
    Quote,
    Severity,
    Strength,
)
from pipeline.finding import Judgement
from pipeline.speech.catalogue import PATTERNS
from pipeline.speech.metric import Measurement
from pipeline.speech.metrics import measure
from pipeline.speech.transcript import Transcript
from seeding.advice import ADVICE, INVENTED, PRAISE
from seeding.speaking import Shown, Spoken

BEFORE_WORDS, AFTER_WORDS = 3, 4
"""Of a quote, around the place that it is about."""
STRENGTH_WORDS = 12
NOTED, HARMFUL = 1.2, 2.4
"""Occurrences in 100 words from which a habit is medium, and high."""
INTENT_WORDS = 5
_CATEGORIES: TypeAdapter[Category] = TypeAdapter(Category)


@dataclass(frozen=True, slots=True)
class Coach:
    """A model with a prompt, and how often it is wrong."""

    model: str
    prompt: str
    """Name of a file of `pipeline/analyze/prompts/`."""
    misquotes: float
    """Of the quotes, those in which a word is another one: found all the same, or not at all."""
    invents: float
    """Of the talks, those in which it names a habit that nobody has."""
    agreed: float
    """Of its findings, those that reviewers call correct."""
    in_use: float
    """Until which part of the half year, 0–1."""


COACHES = (
    Coach("claude-haiku-4-5", "v1", misquotes=0.10, invents=0.12, agreed=0.72, in_use=0.3),
    Coach("claude-haiku-5-5", "v1", misquotes=0.07, invents=0.08, agreed=0.79, in_use=0.65),
    Coach("claude-haiku-5-5", "v2", misquotes=0.03, invents=0.03, agreed=0.88, in_use=1.0),
)
"""In the order in which they came into use."""


def coach_in_use(passed: float) -> Coach:
    """Who answers when so much of the half year has passed."""
    return next((coach for coach in COACHES if passed < coach.in_use), COACHES[-1])


@dataclass(frozen=True, slots=True)
class Result:
    """One talk with all that was made of it."""

    title: str
    transcript: Transcript
    judgement: Judgement
    measurement: Measurement


def assess(spoken: Spoken, coach: Coach, chance: random.Random) -> Result:
    """Answer as `coach` would, then prove and measure as the pipeline does."""
    insights = _insights(spoken, coach, chance)
    tokens = _tokens(spoken, len(insights), chance)
    reading = Reading(
        analysis=Analysis(
            insights=insights,
            strengths=_strengths(spoken, chance),
            focus_next=_focus(insights),
            summary=_summary(spoken, insights),
            intent_label=" ".join(spoken.title.split()[:INTENT_WORDS]),
        ),
        dropped=(),
        model=coach.model,
        prompt_version=prompt.load(coach.prompt).version,
        tokens=tokens,
        cost_usd=cost_usd(coach.model, tokens),
    )
    return Result(
        title=spoken.title,
        transcript=spoken.transcript,
        judgement=judge(reading, spoken.transcript),
        measurement=measure(spoken.transcript),
    )


def _insights(spoken: Spoken, coach: Coach, chance: random.Random) -> list[InsightAnswer]:
    places: Mapping[str, list[Shown]] = defaultdict(list)
    for place in spoken.shown:
        places[place.key].append(place)
    words = sum(len(segment.words) for segment in spoken.transcript.segments)
    often = sorted(places.items(), key=lambda held: -len(held[1]))
    answers = [
        _insight(spoken, shown, coach, chance, per_hundred=100 * len(shown) / words)
        for _, shown in often[:MOST_INSIGHTS]
    ]
    if chance.random() < coach.invents:
        answers = [*answers[: MOST_INSIGHTS - 1], INVENTED]
    return answers


def _insight(
    spoken: Spoken,
    shown: Sequence[Shown],
    coach: Coach,
    chance: random.Random,
    *,
    per_hundred: float,
) -> InsightAnswer:
    """One habit, by all the places where it shows."""
    key = shown[0].key
    advice = ADVICE[key]
    chosen = sorted(
        chance.sample(shown, min(MOST_EXAMPLES, len(shown))), key=lambda s: (s.segment, s.first)
    )
    return InsightAnswer(
        category=_category(key),
        pattern_key=key,
        pattern=PATTERNS[key].name,
        detail=advice.detail,
        # A model's count is near the truth, and seldom the truth.
        frequency=max(1, len(shown) + chance.choice((-1, 0, 0, 0, 1))),
        severity=_severity(per_hundred),
        examples=[_quote(spoken, place, coach, chance) for place in chosen],
        suggestion=advice.suggestion,
    )


def _category(key: str) -> Category:
    category: Category = _CATEGORIES.validate_python(PATTERNS[key].category)
    return category


def _severity(per_hundred: float) -> Severity:
    if per_hundred >= HARMFUL:
        return "high"
    return "medium" if per_hundred >= NOTED else "low"


def _quote(spoken: Spoken, place: Shown, coach: Coach, chance: random.Random) -> Quote:
    words = spoken.transcript.segments[place.segment].text.split()
    quoted = words[max(0, place.first - BEFORE_WORDS) : place.end + AFTER_WORDS]
    if chance.random() < coach.misquotes:
        quoted[chance.randrange(len(quoted))] = "certainly"
    return Quote(quote=" ".join(quoted), segment=place.segment)


def _strengths(spoken: Spoken, chance: random.Random) -> list[Strength]:
    """Praise for sentences in which nothing went wrong; for the longest where there is none."""
    faulty = {place.segment for place in spoken.shown}
    segments = spoken.transcript.segments
    clean = [segment for segment in segments if segment.index not in faulty]
    chosen = clean or [max(segments, key=lambda segment: len(segment.words))]
    return [
        Strength(
            text=praise,
            quote=" ".join(segment.text.split()[:STRENGTH_WORDS]),
            segment=segment.index,
        )
        for praise, segment in zip(
            chance.sample(PRAISE, MOST_STRENGTHS),
            chance.sample(chosen, min(MOST_STRENGTHS, len(chosen))),
            strict=False,
        )
    ]


def _focus(insights: Sequence[InsightAnswer]) -> str:
    if not insights:
        return "Keep this clarity, and close your next talk with one sentence that sums it up."
    return ADVICE[insights[0].pattern_key].focus


def _summary(spoken: Spoken, insights: Sequence[InsightAnswer]) -> str:
    about = f"You spoke about this: {spoken.title[0].lower()}{spoken.title[1:]}."
    if not insights:
        return f"{about} No habit stands out that would get in the way of your message."
    named = " and ".join(insight.pattern.lower() for insight in insights[:2])
    return f"{about} Your story is easy to follow; what to work on next: {named}."


def _tokens(spoken: Spoken, insights: int, chance: random.Random) -> Tokens:
    """About what such a call takes: the prompt mostly from the cache, the talk never."""
    is_cached = chance.random() < 0.8  # noqa: PLR2004 - four of five calls find it there
    constant = 3150
    return Tokens(
        read=180 + int(len(spoken.transcript.text) / 3.4),
        written=210 + 190 * insights + chance.randint(0, 60),
        cache_read=constant if is_cached else 0,
        cache_write=0 if is_cached else constant,
    )
