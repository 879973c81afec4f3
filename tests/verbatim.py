"""What stands somewhere of the words that were said: nothing, where they were removed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from pipeline.database.engine import transaction
from pipeline.database.staff_models import AuditEntry
from pipeline.speech.words import tokens_of
from tests.talks import LINES
from tests.world import World

IN_A_ROW = 3
"""So many words one after the other are a quote."""


def verbatim(world: World, lines: tuple[str, ...] = LINES) -> set[tuple[str, str]]:
    """Table and column of all that holds three words of the talk in a row, wherever it is."""
    return {
        (table, column)
        for table, row in _rows(world)
        for column, value in row.items()
        if quotes(value, lines)
    }


def quotes(value: Any, lines: tuple[str, ...] = LINES) -> bool:
    """Whether a JSON value holds three words of the talk in a row."""
    said = {window for line in lines for window in _windows(line)}
    return any(said & set(_windows(told)) for told in _texts(value))


def _rows(world: World) -> list[tuple[str, dict[str, Any]]]:
    with transaction(world.services.engine) as db:
        return [
            (name, row)
            for name, table in AuditEntry.metadata.tables.items()
            for row in db.scalars(select(func.to_jsonb(table.table_valued())))
        ]


def _texts(value: Any) -> list[str]:
    """Every text in a JSON value; texts in a list also as one, for words may stand one by one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [told for held in value.values() for told in _texts(held)]
    if isinstance(value, list):
        told = [text for held in value for text in _texts(held)]
        return [*told, " ".join(told)]
    return []


def _windows(said: str) -> list[tuple[str, ...]]:
    keys = [token.key for token in tokens_of(said)]
    return [tuple(keys[i : i + IN_A_ROW]) for i in range(len(keys) - IN_A_ROW + 1)]
