"""What staff do: verdicts, reviews, golden cases, bulk jobs, an audit that only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


# An audit that somebody can change is none: the database itself refuses.
_REFUSE_CHANGES = """
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log only grows' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();
"""

# What results there are already, as `pipeline/database/summaries.py` derives them from now on.
_SUMMARIES = """
INSERT INTO result_summaries (session_id, run_id, words, words_per_minute, suspect_share,
                              evidence_share, high, medium, low, model, prompt_version, cost_usd)
SELECT s.id, r.id, t.word_count,
       (SELECT value FROM metrics m WHERE m.run_id = r.id AND m.name = 'pace'),
       coalesce((SELECT avg(CASE WHEN (e ->> 'suspect')::boolean THEN 1.0 ELSE 0.0 END)
                   FROM jsonb_array_elements(t.segments) e), 0),
       kept.quotes / nullif(kept.quotes + dropped.quotes, 0)::float8,
       found.high, found.medium, found.low, a.model, a.prompt_version, a.cost_usd
  FROM sessions s
  JOIN runs r ON r.id = s.result_run_id
  JOIN transcripts t ON t.id = r.transcript_id
  JOIN analyses a ON a.run_id = r.id
 CROSS JOIN LATERAL (
       SELECT jsonb_array_length(a.strengths)
              + coalesce(sum(jsonb_array_length(f -> 'examples')), 0) AS quotes
         FROM jsonb_array_elements(a.findings) f) kept
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE d ->> 'kind' IN ('quote', 'strength')) AS quotes
         FROM jsonb_array_elements(a.dropped) d) dropped
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE i.severity = 'high') AS high,
              count(*) FILTER (WHERE i.severity = 'medium') AS medium,
              count(*) FILTER (WHERE i.severity = 'low') AS low
         FROM insights i WHERE i.run_id = r.id) found
"""


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("learner_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "action IN ('view_transcript', 'upload', 'rerun', 'make_current', 'verdict', "
            "'review', 'golden_case', 'assign', 'bulk', 'export', 'delete', 'erase', "
            "'retry_letter', 'delete_letter')",
            name=op.f("ck_audit_log_action"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_action_id", "audit_log", ["action", "id"], unique=False)
    op.create_index("ix_audit_log_actor_id", "audit_log", ["actor", "id"], unique=False)
    op.create_index("ix_audit_log_session_id_id", "audit_log", ["session_id", "id"], unique=False)
    op.create_index("ix_audit_log_learner_id_id", "audit_log", ["learner_id", "id"], unique=False)
    op.create_index("ix_audit_log_at", "audit_log", ["at"], unique=False)
    op.create_index(
        "uq_audit_log_view",
        "audit_log",
        ["session_id", "actor", sa.text("date_bin('00:15:00', at, '2000-01-01 00:00:00+00')")],
        unique=True,
        postgresql_where=sa.text("action = 'view_transcript'"),
    )
    op.create_table(
        "bulk_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("argument", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "action IN ('rerun_analysis', 'rerun_full', 'retry', 'delete', 'assign')",
            name=op.f("ck_bulk_jobs_action"),
        ),
        sa.CheckConstraint(
            "state IN ('running', 'stopped', 'done')", name=op.f("ck_bulk_jobs_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_jobs")),
    )
    op.create_index(
        "ix_bulk_jobs_running",
        "bulk_jobs",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "golden_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("talks", sa.Integer(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_runs")),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("did", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    op.create_index("ix_sweeps_finished_at", "sweeps", ["finished_at"], unique=False)
    op.create_table(
        "bulk_items",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["bulk_jobs.id"],
            name=op.f("fk_bulk_items_job_id_bulk_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_bulk_items")),
    )
    op.create_index(
        "ix_bulk_items_waiting",
        "bulk_items",
        ["job_id", "position"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "result_summaries",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("words_per_minute", sa.Double(), nullable=True),
        sa.Column("suspect_share", sa.Double(), nullable=False),
        sa.Column("evidence_share", sa.Double(), nullable=True),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("medium", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
            name=op.f("fk_result_summaries_run_id_runs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_result_summaries_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_result_summaries")),
    )
    op.create_index(
        "ix_result_summaries_model_session_id",
        "result_summaries",
        ["model", "session_id"],
        unique=False,
    )
    op.create_index(
        "ix_result_summaries_prompt_version_session_id",
        "result_summaries",
        ["prompt_version", "session_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_result_summaries_run_id"), "result_summaries", ["run_id"], unique=False
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'completed', 'skipped')", name=op.f("ck_reviews_state")
        ),
        sa.CheckConstraint("round IN (1, 2)", name=op.f("ck_reviews_round")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_reviews_run_id_runs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_reviews_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("run_id", "reviewer", name=op.f("uq_reviews_run_id")),
    )
    op.create_index(
        "ix_reviews_reviewer_finished_at", "reviews", ["reviewer", "finished_at"], unique=False
    )
    op.create_index(op.f("ix_reviews_session_id"), "reviews", ["session_id"], unique=False)
    op.create_index(
        "uq_reviews_run_id_round",
        "reviews",
        ["run_id", "round"],
        unique=True,
        postgresql_where=sa.text("state <> 'skipped'"),
    )
    op.create_table(
        "golden_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("insight_id", sa.Uuid(), nullable=False),
        sa.Column("case", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["insight_id"],
            ["insights.id"],
            name=op.f("fk_golden_cases_insight_id_insights"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_golden_cases_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_cases")),
        sa.UniqueConstraint("insight_id", name=op.f("uq_golden_cases_insight_id")),
    )
    op.create_index(
        op.f("ix_golden_cases_session_id"), "golden_cases", ["session_id"], unique=False
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("insight_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rewrite", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('correct', 'wrong', 'unsupported', 'duplicate', 'not_useful')",
            name=op.f("ck_verdicts_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["insight_id"],
            ["insights.id"],
            name=op.f("fk_verdicts_insight_id_insights"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_verdicts_run_id_runs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_verdicts_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("insight_id", "reviewer", name=op.f("uq_verdicts_insight_id")),
    )
    op.create_index(op.f("ix_verdicts_run_id"), "verdicts", ["run_id"], unique=False)
    op.create_index(op.f("ix_verdicts_session_id"), "verdicts", ["session_id"], unique=False)
    op.create_index(
        "ix_verdicts_insight_id_created_at",
        "verdicts",
        ["insight_id", "created_at"],
        unique=False,
        postgresql_include=["verdict", "category", "prompt_version", "model"],
    )
    op.create_index(
        "ix_analyses_created_at",
        "analyses",
        ["created_at"],
        unique=False,
        postgresql_include=[
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cost_usd",
        ],
    )
    op.create_index(
        "ix_analyses_prompt_version_created_at",
        "analyses",
        ["prompt_version", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_insights_pattern_key_session_id",
        "insights",
        ["pattern_key", "session_id"],
        unique=False,
        postgresql_include=["run_id", "severity"],
    )
    op.create_index(
        "ix_learners_id_prefix",
        "learners",
        ["id"],
        unique=False,
        postgresql_ops={"id": "text_pattern_ops"},
    )
    op.create_index(
        "ix_runs_finished_at",
        "runs",
        ["finished_at"],
        unique=False,
        postgresql_include=["outcome", "attempts"],
    )
    op.create_index("ix_session_events_at", "session_events", ["at"], unique=False)
    op.create_index(
        "ix_sessions_created_at",
        "sessions",
        ["created_at"],
        unique=False,
        postgresql_include=["status"],
    )
    op.add_column("sessions", sa.Column("audio_digest", sa.Text(), nullable=True))
    op.add_column(
        "sessions",
        sa.Column(
            "names",
            sa.Text(),
            sa.Computed("lower(coalesce(title, '') || chr(10) || learner_id)", persisted=True),
            nullable=False,
        ),
    )
    op.add_column("sessions", sa.Column("assigned_to", sa.Text(), nullable=True))
    op.create_index(
        "ix_sessions_assigned_to_id",
        "sessions",
        ["assigned_to", "id"],
        unique=False,
        postgresql_where=sa.text("assigned_to IS NOT NULL"),
    )
    op.create_index(
        "ix_sessions_error_code_id",
        "sessions",
        ["error_code", "id"],
        unique=False,
        postgresql_where=sa.text("error_code IS NOT NULL"),
    )
    op.create_index(op.f("ix_sessions_audio_digest"), "sessions", ["audio_digest"], unique=False)
    op.add_column(
        "transcripts",
        sa.Column(
            "searchable",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple'::regconfig, text)", persisted=True),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_transcripts_searchable",
        "transcripts",
        ["searchable"],
        unique=False,
        postgresql_using="gin",
    )

    op.execute(_REFUSE_CHANGES)
    op.execute(_SUMMARIES)


def downgrade() -> None:
    op.drop_index("ix_transcripts_searchable", table_name="transcripts", postgresql_using="gin")
    op.drop_column("transcripts", "searchable")
    op.drop_index(op.f("ix_sessions_audio_digest"), table_name="sessions")
    op.drop_index(
        "ix_sessions_error_code_id",
        table_name="sessions",
        postgresql_where=sa.text("error_code IS NOT NULL"),
    )
    op.drop_index(
        "ix_sessions_assigned_to_id",
        table_name="sessions",
        postgresql_where=sa.text("assigned_to IS NOT NULL"),
    )
    op.drop_index("ix_sessions_created_at", table_name="sessions", postgresql_include=["status"])
    op.drop_index("ix_session_events_at", table_name="session_events")
    op.drop_index(
        "ix_runs_finished_at", table_name="runs", postgresql_include=["outcome", "attempts"]
    )
    op.drop_column("sessions", "assigned_to")
    op.drop_column("sessions", "names")
    op.drop_column("sessions", "audio_digest")
    op.drop_index(
        "ix_learners_id_prefix",
        table_name="learners",
        postgresql_ops={"id": "text_pattern_ops"},
    )
    op.drop_index(
        "ix_insights_pattern_key_session_id",
        table_name="insights",
        postgresql_include=["run_id", "severity"],
    )
    op.drop_index("ix_analyses_prompt_version_created_at", table_name="analyses")
    op.drop_index("ix_analyses_created_at", table_name="analyses")
    op.drop_index("ix_verdicts_insight_id_created_at", table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_session_id"), table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_run_id"), table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_index(op.f("ix_golden_cases_session_id"), table_name="golden_cases")
    op.drop_table("golden_cases")
    op.drop_index(
        "uq_reviews_run_id_round",
        table_name="reviews",
        postgresql_where=sa.text("state <> 'skipped'"),
    )
    op.drop_index(op.f("ix_reviews_session_id"), table_name="reviews")
    op.drop_index("ix_reviews_reviewer_finished_at", table_name="reviews")
    op.drop_table("reviews")
    op.drop_index("ix_result_summaries_prompt_version_session_id", table_name="result_summaries")
    op.drop_index("ix_result_summaries_model_session_id", table_name="result_summaries")
    op.drop_table("result_summaries")
    op.drop_index(
        "ix_bulk_items_waiting",
        table_name="bulk_items",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("bulk_items")
    op.drop_index("ix_sweeps_finished_at", table_name="sweeps")
    op.drop_table("sweeps")
    op.drop_table("golden_runs")
    op.drop_index(
        "ix_bulk_jobs_running",
        table_name="bulk_jobs",
        postgresql_where=sa.text("state = 'running'"),
    )
    op.drop_table("bulk_jobs")
    op.drop_index(
        "uq_audit_log_view",
        table_name="audit_log",
        postgresql_where=sa.text("action = 'view_transcript'"),
    )
    op.drop_index("ix_audit_log_at", table_name="audit_log")
    op.drop_index("ix_audit_log_learner_id_id", table_name="audit_log")
    op.drop_index("ix_audit_log_session_id_id", table_name="audit_log")
    op.drop_index("ix_audit_log_actor_id", table_name="audit_log")
    op.drop_index("ix_audit_log_action_id", table_name="audit_log")
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION audit_only_grows()")
