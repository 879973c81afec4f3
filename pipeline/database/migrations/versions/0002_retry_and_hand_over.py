"""When the next delivery of a failed session is due, and how a run was last handed over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("retry_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("runs", sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("runs", sa.Column("message_id", sa.Text(), nullable=True))
    op.execute(
        "UPDATE sessions SET retry_due_at = status_changed_at + interval '1 hour' WHERE will_retry"
    )


def downgrade() -> None:
    op.drop_column("runs", "message_id")
    op.drop_column("runs", "handed_over_at")
    op.drop_column("sessions", "retry_due_at")
