"""Ids that can be told from everybody else's: UUIDv7 of a moment, with the same end each."""

from __future__ import annotations

import random
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast
from sqlalchemy.orm import InstrumentedAttribute

LEARNER_PREFIX = "seed-"
STAFF_DOMAIN = "seed.example"
_END = 0x5EED5EED


def id_at(moment: datetime, chance: random.Random) -> UUID:
    """An id as it would have been made at `moment`; its last 32 bits say that it is made up."""
    milliseconds = int(moment.timestamp() * 1000)
    high = milliseconds << 16 | 0x7000 | chance.getrandbits(12)
    return UUID(int=high << 64 | 0b10 << 62 | chance.getrandbits(30) << 32 | _END)


def is_marked(column: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """The condition that an id was made here."""
    return cast(column, Text).like(f"%{_END:x}")
