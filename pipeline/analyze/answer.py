"""Claude's answer as text → a checked `Analysis`, or the reasons why it is none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.analyze.schema import Analysis, InsightAnswer, Strength

Item = TypeVar("Item", bound=BaseModel)

MOST_INSIGHTS = 5
MOST_STRENGTHS = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check made of an answer."""

    analysis: Analysis | None
    reasons: tuple[str, ...]
    """Place and rule of each fault; never the content."""


def check(text: str) -> Checked:
    """Validate strictly: everything right, or every reason why not."""
    try:
        return Checked(Analysis.model_validate(_object_in(text)), ())
    except ValueError as error:
        return Checked(None, _reasons(error))


def salvage(text: str) -> Analysis | None:
    """Keep the insights and strengths that are valid; None where no talk-level text is."""
    try:
        raw = _object_in(text)
        frame = Analysis.model_validate({**raw, "insights": [], "strengths": [_ANY_STRENGTH]})
    except ValueError:
        return None
    insights = _valid(InsightAnswer, raw.get("insights"))[:MOST_INSIGHTS]
    strengths = _valid(Strength, raw.get("strengths"))[:MOST_STRENGTHS]
    return frame.model_copy(update={"insights": insights, "strengths": strengths})


_ANY_STRENGTH = {"text": "-", "quote": "-", "segment": 0}


def _object_in(text: str) -> dict[str, Any]:
    """The JSON object in an answer, code fences and prose around it left out."""
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        raise ValueError("the answer holds no JSON object")
    raw = json.loads(text[begin : end + 1])
    if not isinstance(raw, dict):
        raise ValueError("the answer is not a JSON object")  # noqa: TRY004 - one kind of failure
    return raw


def _valid(kind: type[Item], items: object) -> list[Item]:
    found = []
    for item in items if isinstance(items, list) else []:
        try:
            found.append(kind.model_validate(item))
        except ValidationError:
            continue
    return found


def _reasons(error: ValueError) -> tuple[str, ...]:
    if isinstance(error, ValidationError):
        return tuple(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
    if isinstance(error, json.JSONDecodeError):
        return (f"not valid JSON: {error.msg} at character {error.pos}",)
    return (str(error),)
