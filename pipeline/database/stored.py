"""Values ⇄ JSON columns, by the types themselves."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type] - a type made at run time


def to_json(kind: type[Value], values: Sequence[Value]) -> list[dict[str, Any]]:
    """A JSON array of objects, for a column."""
    dumped: list[dict[str, Any]] = _adapter(kind).dump_python(list(values), mode="json")
    return dumped


def from_json(kind: type[Value], stored: object) -> tuple[Value, ...]:
    """The values of such a column.

    Raises:
        pydantic.ValidationError: the column does not hold this kind.
    """
    return tuple(_adapter(kind).validate_python(stored))
