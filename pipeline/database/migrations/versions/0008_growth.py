"""Indexes without which something grows with the number of sessions: `make bench-growth` tells.

Made while people go on working: nothing is locked, so each stands outside of a transaction. A
build that was cut short leaves an invalid index behind, which is dropped before the next.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES: tuple[tuple[str, str, list[str], dict[str, Any]], ...] = (
    (
        "ix_sessions_names",
        "sessions",
        ["names"],
        {
            "postgresql_using": "gin",
            "postgresql_ops": {"names": "gin_trgm_ops"},
            "postgresql_with": {"fastupdate": "off"},
        },
    ),
    (
        "ix_sessions_source_id",
        "sessions",
        ["source", "id"],
        {"postgresql_where": sa.text("source <> 'app'")},
    ),
    (
        "ix_sessions_learner_id_created_at_id",
        "sessions",
        ["learner_id", "created_at", "id"],
        {"postgresql_where": sa.text("result_run_id IS NOT NULL")},
    ),
    (
        "ix_sessions_learner_id_words_held",
        "sessions",
        ["learner_id"],
        {"postgresql_where": sa.text("transcript_removed_at IS NULL")},
    ),
    (
        "ix_transcripts_words_held",
        "transcripts",
        ["created_at"],
        {"postgresql_where": sa.text("text <> ''")},
    ),
    (
        "ix_result_summaries_high",
        "result_summaries",
        ["session_id"],
        {"postgresql_where": sa.text("high > 0")},
    ),
    (
        "ix_result_summaries_low_evidence",
        "result_summaries",
        ["session_id"],
        {
            "postgresql_include": ["evidence_share"],
            "postgresql_where": sa.text("evidence_share < 0.8"),
        },
    ),
    (
        "ix_result_summaries_suspect",
        "result_summaries",
        ["session_id"],
        {
            "postgresql_include": ["suspect_share"],
            "postgresql_where": sa.text("suspect_share > 0.2"),
        },
    ),
    (
        "ix_reviews_open",
        "reviews",
        ["session_id"],
        {"postgresql_where": sa.text("state = 'open'")},
    ),
    (
        "ix_reviews_second",
        "reviews",
        ["finished_at"],
        {"postgresql_where": sa.text("round = 2")},
    ),
    ("ix_verdicts_created_at", "verdicts", ["created_at"], {}),
)
WORDS_HELD: tuple[str, str, list[str], dict[str, Any]] = (
    "ix_sessions_words_held",
    "sessions",
    ["created_at"],
    {"postgresql_where": sa.text("transcript_removed_at IS NULL")},
)
"""Held failures without words, too, and ever more of them: what looks for words uses another."""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    with op.get_context().autocommit_block():
        # On a million sessions some of these take longer than a statement of the pipeline may.
        op.execute("SET statement_timeout = 0")
        for index in INDEXES:
            _drop(index)
            _create(index)
        _drop(WORDS_HELD)
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        _create(WORDS_HELD)
        for index in reversed(INDEXES):
            _drop(index)
        op.execute("RESET statement_timeout")
    op.execute("DROP EXTENSION pg_trgm")


def _create(index: tuple[str, str, list[str], dict[str, Any]]) -> None:
    name, table, columns, options = index
    op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def _drop(index: tuple[str, str, list[str], dict[str, Any]]) -> None:
    name, table, _columns, _options = index
    op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
