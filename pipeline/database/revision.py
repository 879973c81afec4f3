"""Which revision of the tables a database has, and which one this code was made for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

VERSIONS = "alembic_version"


def applied(db: Session) -> str | None:
    """The revision of the tables; None where there are none of ours."""
    if not inspect(db.connection()).has_table(VERSIONS):
        return None
    found: str | None = db.scalar(text(f"SELECT version_num FROM {VERSIONS}"))  # noqa: S608 - fixed
    return found


def newest() -> str | None:
    """The newest revision that this code has."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head()
