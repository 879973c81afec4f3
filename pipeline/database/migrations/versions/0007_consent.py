"""What learners agree to, and which sessions' words are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CONSENTS = ("consent_audio_storage", "consent_transcript_storage", "consent_pattern_tracking")
_ACTIONS = (
    "'view_transcript', 'upload', 'rerun', 'make_current', 'verdict', 'review', 'golden_case', "
    "'assign', 'bulk', 'export', 'delete', 'erase', 'retry_letter', 'delete_letter'"
)


def upgrade() -> None:
    for name in CONSENTS:
        op.add_column(
            "learners",
            sa.Column(name, sa.Boolean(), server_default=sa.text("true"), nullable=False),
        )
    op.add_column(
        "learners", sa.Column("consents_changed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_learners_words_refused",
        "learners",
        ["id"],
        postgresql_where=sa.text("NOT consent_transcript_storage"),
    )
    op.add_column(
        "sessions", sa.Column("transcript_removed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("sessions", sa.Column("transcript_removed_because", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_sessions_transcript_removed_because"),
        "sessions",
        "transcript_removed_because IN ('consent', 'retention')",
    )
    op.create_index(
        "ix_sessions_words_held",
        "sessions",
        ["created_at"],
        postgresql_where=sa.text("transcript_removed_at IS NULL"),
    )
    # Wider than before: what the old release writes still holds.
    op.drop_constraint(op.f("ck_audit_log_action"), "audit_log", type_="check")
    op.create_check_constraint(
        op.f("ck_audit_log_action"), "audit_log", f"action IN ({_ACTIONS}, 'consent')"
    )


def downgrade() -> None:
    # Entries of the new kind stay as they are, since the audit only grows: NOT VALID spares them.
    op.drop_constraint(op.f("ck_audit_log_action"), "audit_log", type_="check")
    op.create_check_constraint(
        op.f("ck_audit_log_action"),
        "audit_log",
        f"action IN ({_ACTIONS})",
        postgresql_not_valid=True,
    )
    op.drop_index(
        "ix_sessions_words_held",
        table_name="sessions",
        postgresql_where=sa.text("transcript_removed_at IS NULL"),
    )
    op.drop_constraint(op.f("ck_sessions_transcript_removed_because"), "sessions", type_="check")
    op.drop_column("sessions", "transcript_removed_because")
    op.drop_column("sessions", "transcript_removed_at")
    op.drop_index(
        "ix_learners_words_refused",
        table_name="learners",
        postgresql_where=sa.text("NOT consent_transcript_storage"),
    )
    op.drop_column("learners", "consents_changed_at")
    for name in reversed(CONSENTS):
        op.drop_column("learners", name)
