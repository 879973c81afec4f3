"""Rows on their way into a table by COPY, written as its text format wants them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Column, DefaultClause, Table

_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def field(value: object) -> str:
    """One value as COPY reads it."""
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPED)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def _default(column: Column[Any]) -> str:
    """What the database would write: COPY names every column, so that it is not asked."""
    usual = column.server_default
    if not isinstance(usual, DefaultClause):
        return field(None)
    return str(getattr(usual.arg, "text", usual.arg)).strip("'")


class Sheet:
    """The rows of one table. What many rows share is written once, by `rest`."""

    def __init__(self, table: type[Any] | Table, *own: str) -> None:
        self.table: Table = table if isinstance(table, Table) else table.__table__
        self._own = own
        made = {c.name for c in self.table.columns if c.computed is not None or c.identity}
        self._others = tuple(
            c.name for c in self.table.columns if c.name not in made and c.name not in own
        )
        self._usual = {name: _default(self.table.columns[name]) for name in self._others}
        self._lines: list[str] = []
        self.count = 0

    def rest(self, values: Mapping[str, object]) -> str:
        """All columns but the rows' own ones; what is not named has its default, or is null."""
        return "\t".join(
            field(values[name]) if name in values else self._usual[name] for name in self._others
        )

    def add(self, own: Iterable[object], rest: str) -> None:
        """A row: its own columns in their order, and what it shares."""
        self._lines.append("\t".join([*map(field, own), rest]))
        self.count += 1

    def add_row(self, **values: object) -> None:
        """A row that shares nothing."""
        self.add([values.get(name) for name in self._own], self.rest(values))

    def copy(self, cursor: psycopg.Cursor[Any]) -> None:
        """Send what is there, and begin anew."""
        if not self._lines:
            return
        names = sql.SQL(", ").join(map(sql.Identifier, [*self._own, *self._others]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(self.table.name), names
        )
        with cursor.copy(statement) as copying:
            copying.write("\n".join([*self._lines, ""]))
        self._lines = []
