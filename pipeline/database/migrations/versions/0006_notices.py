"""Which end of a run the company's app was told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("notified_outcome", sa.Text(), nullable=True))
    op.add_column(
        "runs",
        sa.Column("notice_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("runs", sa.Column("notice_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_runs_untold",
        "runs",
        ["finished_at"],
        postgresql_where=sa.text("outcome IS DISTINCT FROM notified_outcome"),
    )


def downgrade() -> None:
    op.drop_index("ix_runs_untold", table_name="runs")
    op.drop_column("runs", "notice_due_at")
    op.drop_column("runs", "notice_attempts")
    op.drop_column("runs", "notified_outcome")
