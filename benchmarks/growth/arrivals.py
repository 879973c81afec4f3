"""What each round meets afresh, the same at every size: work that waits, and what crashes left."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from pipeline.database.engine import transaction
from pipeline.services import Services

LEFT = 30
"""Sessions that a crash left, six kinds of them."""
OUTLIVED = 10
"""Sessions whose words must go, and as many that must go whole."""

# Analysed before, by an attempt that then broke off: a delivery claims and completes, and neither
# a vendor nor a decoder is in what it takes.
_WAITING = text("""
WITH made AS MATERIALIZED (
    SELECT uuidv7() AS id, uuidv7() AS run, uuidv7() AS transcript
      FROM generate_series(1, :number)),
begun AS (
    INSERT INTO sessions (id, learner_id, title, language, source, status, status_changed_at,
           created_at, audio_key, uploaded_at, audio_deleted_at, duration_seconds, run_id)
    SELECT id, :learner, 'Waits', 'en', 'app', 'UPLOADED', now(), now(), 'audio/' || id, now(),
           now(), 89, run FROM made),
queued AS (
    INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at, queued_at,
           handed_over_at, message_id, transcript_id)
    SELECT run, id, 1, 'full', 'upload', 'app', now(), now(), now(), 'msg_' || run, transcript
      FROM made),
heard AS (
    INSERT INTO transcripts (id, session_id, run_id, text, word_count, language, duration_seconds,
           engine, segments, silences, created_at, prompt_version)
    SELECT transcript, made.id, run, text, word_count, language, duration_seconds, engine,
           segments, silences, created_at, prompt_version
      FROM made, transcripts t WHERE t.session_id = :template),
analysed AS (
    INSERT INTO analyses (run_id, summary, focus_next, intent_label, strengths, findings, dropped,
           model, prompt_version, schema_version, input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, cost_usd, created_at)
    SELECT run, summary, focus_next, intent_label, strengths, findings, dropped, model,
           a.prompt_version, schema_version, input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, cost_usd, a.created_at
      FROM made, analyses a JOIN transcripts t ON t.run_id = a.run_id
     WHERE t.session_id = :template)
SELECT id FROM made
""")
# 0: a worker died. 1: it has died a dozen times. 2: never published. 3: the queue lost the retry.
# 4: announced and never uploaded. 5: completed, and the recording is there still.
_LEFT = text("""
WITH made AS MATERIALIZED (
    SELECT uuidv7() AS id, uuidv7() AS run, n % 6 AS kind FROM generate_series(1, :number) n),
begun AS (
    INSERT INTO sessions (id, learner_id, language, source, status, stage, status_changed_at,
           created_at, audio_key, uploaded_at, run_id, result_run_id, lease_token,
           lease_expires_at, error_code, error_message, error_retryable, will_retry, retry_due_at)
    SELECT id, :learner, 'en', 'app',
           (ARRAY['PROCESSING', 'PROCESSING', 'UPLOADED', 'FAILED', 'CREATED', 'COMPLETED'])
               [1 + kind],
           CASE WHEN kind < 2 THEN 'transcribing' END, now() - interval '2 hours',
           now() - interval '2 days', 'audio/' || id, CASE WHEN kind <> 4 THEN now() END,
           CASE WHEN kind <> 4 THEN run END, CASE WHEN kind = 5 THEN run END, 1,
           CASE WHEN kind < 2 THEN now() - interval '1 hour' END,
           CASE WHEN kind = 3 THEN 'TIMEOUT' END, CASE WHEN kind = 3 THEN 'Too slow.' END,
           CASE WHEN kind = 3 THEN true END, CASE WHEN kind = 3 THEN true END,
           CASE WHEN kind = 3 THEN now() - interval '1 hour' END
      FROM made),
queued AS (
    INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at, queued_at,
           handed_over_at, message_id, attempts, outcome, finished_at)
    SELECT run, id, 1, 'full', 'upload', 'app', now() - interval '2 days',
           CASE WHEN kind <> 2 THEN now() - interval '2 hours' END, now() - interval '2 hours',
           'msg_' || run, CASE kind WHEN 1 THEN 12 WHEN 2 THEN 0 ELSE 1 END,
           CASE WHEN kind = 5 THEN 'completed' END,
           CASE WHEN kind = 5 THEN now() - interval '2 hours' END
      FROM made WHERE kind <> 4),
heard AS (
    INSERT INTO transcripts (id, session_id, run_id, text, word_count, language, duration_seconds,
           engine, segments, silences, created_at)
    SELECT uuidv7(), id, run, 'so in this talk', 4, 'en', 4, 'whisper-1', '[]', '[]', now()
      FROM made WHERE kind = 5)
SELECT id FROM made
""")
_OUTLIVED = text("""
WITH made AS MATERIALIZED (
    SELECT uuidv7(-age) AS id, uuidv7(-age) AS run, uuidv7(-age) AS transcript,
           now() - age AS created_at
      FROM (SELECT make_interval(days => :days, secs => n) AS age
              FROM generate_series(1, :number) n) old),
begun AS (
    INSERT INTO sessions (id, learner_id, language, source, status, status_changed_at, created_at,
           completed_at, audio_key, uploaded_at, audio_deleted_at, run_id, result_run_id)
    SELECT id, :learner, 'en', 'app', 'COMPLETED', created_at, created_at, created_at,
           'audio/' || id, created_at, created_at, run, run FROM made),
ended AS (
    INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at, queued_at,
           finished_at, attempts, outcome, notified_outcome, transcript_id)
    SELECT run, id, 1, 'full', 'upload', 'app', created_at, created_at, created_at, 1,
           'completed', 'completed', transcript FROM made),
heard AS (
    INSERT INTO transcripts (id, session_id, run_id, text, word_count, language, duration_seconds,
           engine, segments, silences, created_at)
    SELECT transcript, id, run, 'so in this talk', 4, 'en', 4, 'whisper-1', '[]', '[]', created_at
      FROM made)
SELECT id FROM made
""")


def waiting(services: Services, learner: str, *, template: UUID, number: int) -> list[UUID]:
    """Sessions that a delivery only claims and completes, each with the results of `template`."""
    asked = {"learner": learner, "template": template, "number": number}
    with transaction(services.engine) as db:
        return list(db.scalars(_WAITING, asked))


def left_behind(services: Services, learner: str) -> None:
    """What the sweeper has to go on with."""
    with transaction(services.engine) as db:
        db.execute(_LEFT, {"learner": learner, "number": LEFT})


def outlived(services: Services, learner: str, *, days: int) -> None:
    """Finished sessions of so many days ago, words and all."""
    with transaction(services.engine) as db:
        db.execute(_OUTLIVED, {"learner": learner, "days": days, "number": OUTLIVED})
