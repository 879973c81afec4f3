"""Claude's answer as text → a checked `Analysis`, or the reasons why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.analyze.schema import (
    MOST_EXAMPLES,
    MOST_INSIGHTS,
    MOST_STRENGTHS,
    Analysis,
    InsightAnswer,
    Quote,
    Strength,
)
from pipeline.finding import Dropped
from pipeline.plain_text import plain_json

Item = TypeVar("Item", InsightAnswer, Strength, Quote)

TOO_MANY = "there were more than the rules allow"
BREAKS_RULES = "it breaks the rules for an answer: "


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check made of an answer."""

    analysis: Analysis | None
    reasons: tuple[str, ...]
    """Place and rule of each fault; never the content."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The valid part of an answer, and what was left out of it."""

    analysis: Analysis
    dropped: tuple[Dropped, ...] = ()


def check(text: str) -> Checked:
    """Validate strictly: everything right, or every reason why not."""
    try:
        return Checked(Analysis.model_validate(_object_in(text)), ())
    except ValueError as error:
        return Checked(None, _reasons(error))


def salvage(text: str) -> Salvaged | None:
    """Keep the insights and strengths that are valid; None where no talk-level text is."""
    try:
        raw = _object_in(text)
        frame = Analysis.model_validate(
            {**_known(Analysis, raw), "insights": [], "strengths": [_ANY_STRENGTH]}
        )
    except ValueError:
        return None
    dropped: list[Dropped] = []
    kept = {
        "insights": _valid(InsightAnswer, raw.get("insights"), MOST_INSIGHTS, dropped),
        "strengths": _valid(Strength, raw.get("strengths"), MOST_STRENGTHS, dropped),
    }
    return Salvaged(frame.model_copy(update=kept), tuple(dropped))


_ANY_STRENGTH = {"text": "-", "quote": "-", "segment": 0}


def _object_in(text: str) -> dict[str, Any]:
    """The answer's JSON object, code fences and prose around it left out.

    Raises:
        ValueError: there is none, or it is cut off.
    """
    fault: ValueError = ValueError("the answer holds no JSON object")
    outermost: dict[str, Any] | None = None
    for found in _objects_in(text):
        if isinstance(found, ValueError):
            fault = found
        elif "insights" in found:
            return found
        else:
            outermost = outermost or found
    # An object after a fault stands inside a bigger one that was cut off: it is a part.
    if outermost is None or isinstance(fault, json.JSONDecodeError):
        raise fault
    return outermost


def _objects_in(text: str) -> Iterator[dict[str, Any] | ValueError]:
    """Each object that begins at a brace, the ones inside another left out; or its fault."""
    decoder = json.JSONDecoder()
    begin = text.find("{")
    while begin >= 0:
        try:
            found, end = decoder.raw_decode(text, begin)
            yield plain_json(found)
        except json.JSONDecodeError as error:
            end = begin + 1
            yield error
        except RecursionError:
            yield ValueError("the answer is nested too deeply")
            return
        begin = text.find("{", end)


def _valid(kind: type[Item], items: object, most: int, dropped: list[Dropped]) -> list[Item]:
    """The valid items, at most so many; the others are noted with their reason."""
    found: list[Item] = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        known = _known(kind, item)
        if kind is InsightAnswer:
            known["examples"] = _valid(Quote, known.get("examples"), MOST_EXAMPLES, dropped)
        try:
            valid = kind.model_validate(known)
        except ValidationError as error:
            dropped.append(_left_out(kind, known, BREAKS_RULES + "; ".join(_reasons(error))))
            continue
        if len(found) < most:
            found.append(valid)
        else:
            dropped.append(_left_out(kind, known, TOO_MANY))
    return found


def _known(kind: type[BaseModel], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the schema has."""
    names = {field.alias or name for name, field in kind.model_fields.items()}
    return {name: value for name, value in raw.items() if name in names}


def _left_out(kind: type[BaseModel], raw: Mapping[str, Any], reason: str) -> Dropped:
    dropped_as, named_by = _KINDS[kind]
    name = raw.get(named_by)
    return Dropped(dropped_as, name if isinstance(name, str) else "", reason, answer=raw)


_KINDS: Mapping[type[BaseModel], tuple[str, str]] = {
    InsightAnswer: ("insight", "pattern"),
    Strength: ("strength", "text"),
    Quote: ("quote", "quote"),
}
"""How what was left out is called, and the field that names it."""


def _reasons(error: ValueError) -> tuple[str, ...]:
    if isinstance(error, ValidationError):
        return tuple(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
    if isinstance(error, json.JSONDecodeError):
        return (f"not valid JSON: {error.msg} at character {error.pos}",)
    return (str(error),)
