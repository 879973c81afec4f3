"""Alembic's entry: migrates the database that DATABASE_URL names, a transaction for each step."""

from __future__ import annotations

from alembic import context

from pipeline.database import engine as engines
from pipeline.database.models import SpeakingSession
from pipeline.database.staff_models import AuditEntry
from pipeline.settings import Settings

# A table is known once its module is imported.
TABLES = (SpeakingSession, AuditEntry)

engine = engines.create(Settings().require("DATABASE_URL"), pool_size=1)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=TABLES[0].metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
