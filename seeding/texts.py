"""The talks that learners give: lines, and in them the places where some of them slip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("talks.txt")
_PLACE = re.compile(r"\{(?P<well>[^|}]+)\|(?P<badly>[^:}]+):(?P<key>[a-z._]+)\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a line, and how they come out where they go wrong."""

    well: str
    badly: str | None = None
    key: str | None = None
    """The pattern that it then shows."""


@dataclass(frozen=True, slots=True)
class Talk:
    """One prepared talk."""

    title: str
    lines: tuple[tuple[Piece, ...], ...]


@cache
def talks() -> tuple[Talk, ...]:
    """All talks, in the order of the file."""
    _, *parts = re.split(r"^## ", _FILE.read_text("utf-8"), flags=re.MULTILINE)
    return tuple(map(_talk, parts))


def _talk(part: str) -> Talk:
    title, *lines = part.strip().splitlines()
    return Talk(title, tuple(map(_line, lines)))


def _line(line: str) -> tuple[Piece, ...]:
    pieces, end = [], 0
    for place in _PLACE.finditer(line):
        pieces += [Piece(line[end : place.start()]), Piece(**place.groupdict())]
        end = place.end()
    return tuple(piece for piece in [*pieces, Piece(line[end:])] if piece.well.strip())
