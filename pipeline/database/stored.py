"""Values ⇄ JSON columns, by the types themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[Value]) -> TypeAdapter[Value]:
    """Made once for each kind: making one costs more than using it."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(kind: type[Value], values: Iterable[Value]) -> list[dict[str, Any]]:
    """A JSON array of objects, for a column."""
    adapter = _adapter(kind)
    return [adapter.dump_python(value, mode="json") for value in values]


def from_json(kind: type[Value], stored: Iterable[object]) -> tuple[Value, ...]:
    """The values of such a column.

    Raises:
        pydantic.ValidationError: the column does not hold this kind.
    """
    adapter = _adapter(kind)
    return tuple(adapter.validate_python(value) for value in stored)
