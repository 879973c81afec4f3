"""The indexes of sessions, each with what is read by it. Every change of a status writes them."""

from __future__ import annotations

from sqlalchemy import Index, text

SESSION_INDEXES = (
    # A learner's sessions, and those of one status, in the order of the list.
    Index("ix_sessions_learner_id_id", "learner_id", "id"),
    Index("ix_sessions_status_id", "status", "id"),
    # A learner's results, by time: progress looks at the newest.
    Index(
        "ix_sessions_learner_id_created_at_id",
        "learner_id",
        "created_at",
        "id",
        postgresql_where=text("result_run_id IS NOT NULL"),
    ),
    # How many came by day.
    Index("ix_sessions_created_at", "created_at", postgresql_include=["status"]),
    # The list's filters by what few sessions have.
    Index(
        "ix_sessions_error_code_id",
        "error_code",
        "id",
        postgresql_where=text("error_code IS NOT NULL"),
    ),
    Index(
        "ix_sessions_assigned_to_id",
        "assigned_to",
        "id",
        postgresql_where=text("assigned_to IS NOT NULL"),
    ),
    Index("ix_sessions_source_id", "source", "id", postgresql_where=text("source <> 'app'")),
    # What the sweeper looks for.
    Index(
        "ix_sessions_unfinished",
        "status_changed_at",
        postgresql_where=text("status <> 'COMPLETED'"),
    ),
    Index(
        "ix_sessions_audio_held",
        "status_changed_at",
        postgresql_where=text("audio_key IS NOT NULL AND audio_deleted_at IS NULL"),
    ),
    # Words that a learner refuses.
    Index(
        "ix_sessions_learner_id_words_held",
        "learner_id",
        postgresql_where=text("transcript_removed_at IS NULL"),
    ),
    # Any part of a title or of a learner's id. Written at once: else one change of many would
    # have to write what all the others put off.
    Index(
        "ix_sessions_names",
        "names",
        postgresql_using="gin",
        postgresql_ops={"names": "gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
    ),
)
