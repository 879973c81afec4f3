"""Figures as tables in Markdown: they are read at a terminal, and pasted into the docs."""

from __future__ import annotations


def heading(name: str, *columns: str) -> None:
    """A table's head."""
    print(f"\n| {name} | {' | '.join(columns)} |")  # noqa: T201 - the table is the product
    print(f"|---|{'---|' * len(columns)}", flush=True)  # noqa: T201 - as above


def row(*cells: str) -> None:
    """A line of the table."""
    print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201 - as above
