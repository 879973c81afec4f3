"""Bands and courses of metrics as they were measured, and what a focus was about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("metrics", sa.Column("low", sa.Float(), nullable=True))
    op.add_column("metrics", sa.Column("high", sa.Float(), nullable=True))
    op.add_column(
        "metrics",
        sa.Column(
            "series",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
    op.add_column("analyses", sa.Column("focus_key", sa.Text(), nullable=True))
    op.create_index(
        "ix_insights_profile",
        "insights",
        ["run_id"],
        postgresql_include=["pattern_key", "counted", "frequency"],
    )


def downgrade() -> None:
    op.drop_index("ix_insights_profile", table_name="insights")
    op.drop_column("analyses", "focus_key")
    op.drop_column("metrics", "series")
    op.drop_column("metrics", "high")
    op.drop_column("metrics", "low")
