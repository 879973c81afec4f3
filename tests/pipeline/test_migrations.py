"""Migrations and models say the same, and every step can be taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pipeline.database import engine as engines
from pipeline.database.staff_models import AuditEntry

ROOT = Path(__file__).parents[2]


def alembic(database_url: str, *command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        check=True,
    )


def differences(database_url: str) -> list[object]:
    engine = engines.create(database_url)
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_server_default": True}),
            AuditEntry.metadata,
        )
    engine.dispose()
    return list(found)


def test_a_migrated_database_is_what_the_models_say(database_url: str) -> None:
    assert differences(database_url) == []


def test_alembic_knows_all_tables_and_finds_no_step_to_write(database_url: str) -> None:
    alembic(database_url, "check")


def test_all_steps_down_and_up_again_end_at_the_same_tables(database_url: str) -> None:
    alembic(database_url, "downgrade", "base")
    assert differences(database_url), "nothing is left of the tables"
    alembic(database_url, "upgrade", "head")

    assert differences(database_url) == []
