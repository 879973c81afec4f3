"""What Claude must return: sent to the API as a JSON schema, then validated here again.

The API's schema dialect has no bounds, lengths or patterns; those are ours to check.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from pipeline.plain_text import PlainText
from pipeline.speech.catalogue import OTHER, PATTERNS

SCHEMA_VERSION = "2026-11-2"
MOST_INSIGHTS = 5
MOST_STRENGTHS = 2
MOST_EXAMPLES = 3

Sentence = Annotated[
    PlainText, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)
]
Category = Literal["grammar", "vocabulary", "structure"]
Severity = Literal["high", "medium", "low"]


class _Answer(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Quote(_Answer):
    """The learner's own words."""

    quote: Sentence = Field(description="Exact words of the learner, copied from the transcript.")
    segment: int = Field(description="Number of the segment that the quote stands in.", ge=0)


class InsightAnswer(_Answer):
    """A habit that recurs in the talk, not a slip."""

    category: Category
    pattern_key: PlainText = Field(
        description="A key of the catalogue given, or `other`.",
        # Told to the API, not checked here: a key that is not known lands in `other`.
        json_schema_extra={"enum": [*PATTERNS, OTHER]},
    )
    pattern: Sentence = Field(description="Short name of the habit.")
    detail: Sentence = Field(description="One or two sentences: what happens, and its effect.")
    frequency: int = Field(
        description="How often it occurs, a whole number of at least 1.", ge=1, le=10_000
    )
    severity: Severity = Field(description="By its effect on being understood.")
    examples: list[Quote] = Field(
        description="One to three quotes.", min_length=1, max_length=MOST_EXAMPLES
    )
    suggestion: Sentence = Field(description="One thing to do next time.")


class Strength(_Answer):
    """Something the learner did well."""

    text: Sentence = Field(description="What was done well, in one sentence.")
    quote: Sentence = Field(description="Exact words of the learner that show it.")
    segment: int = Field(description="Number of the segment that the quote stands in.", ge=0)


class Analysis(_Answer):
    """The whole answer."""

    insights: list[InsightAnswer] = Field(
        description="None to five recurring habits.", max_length=MOST_INSIGHTS
    )
    strengths: list[Strength] = Field(
        description="One or two strengths.", min_length=1, max_length=MOST_STRENGTHS
    )
    focus_next: Sentence = Field(description="One specific, measurable focus for the next talk.")
    summary: Sentence = Field(description="Two or three sentences on the talk.")
    intent_label: Sentence = Field(description="Three to five words: what the talk was about.")
