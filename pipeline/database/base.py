"""What every table shares: names of constraints, how Python types are stored, new keys."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

import uuid_utils
from sqlalchemy import CheckConstraint, DateTime, MetaData, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """What all tables share: names for constraints, and how Python types are stored."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text,
        Decimal: Numeric(12, 6),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


def new_id() -> uuid.UUID:
    """A UUIDv7: unique, and in the order of creation."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that holds `column` to the values of an enum."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
