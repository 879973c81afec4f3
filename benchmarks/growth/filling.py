"""A history of so many sessions, written by Postgres itself: a thousand a day until now.

`seeding/` makes talks worth reading, and takes an hour for a million. Here talks are thirty words,
insights and figures a sentence each: what is judged is how many blocks a statement touches, which
is not a matter of their length.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

A_DAY = 1_000
"""Sessions that came each day: more of them means a longer history, as with a company."""
MANY = "learner-many"
MANY_SESSIONS = 2_000
"""Of one learner, beside the others' at each size, over the same time."""
FEW = "learner-7"
BUSY = "learner-3"
"""Whose sessions come and go while it is measured."""
SESSIONS_A_LEARNER = 30
RETENTION_DAYS = 365
"""Older words are gone, as `TRANSCRIPT_RETENTION_DAYS` has it."""
RARE_TITLE, RARE_WORD = "zebra crossing", "quokka"
"""In three titles and in three talks, however many there are."""
AT_ONCE = 25_000

_LEARNERS = """
INSERT INTO learners (id, created_at, consent_transcript_storage)
SELECT 'learner-' || n, %(now)s, n %% 50 <> 9
  FROM generate_series(0, %(learners)s - 1) n
 UNION ALL SELECT 'learner-many', %(now)s, true;
INSERT INTO pattern_profiles (learner_id, pattern_key, category, pattern, sessions_seen,
       sessions_total, occurrences, rate_per_1000_words, first_seen_at, last_seen_at,
       last_severity, trend)
SELECT l.id, 'grammar.pattern_' || p, 'grammar', 'A habit', 9, 30, 40, 12.5, %(now)s, %(now)s,
       'medium', 'persisting'
  FROM learners l, generate_series(1, 12) p;
INSERT INTO sweeps (started_at, finished_at, did)
SELECT %(now)s - n * interval '1 min', %(now)s - n * interval '1 min', '{"published": 0}'
  FROM generate_series(1, 1440) n;
"""
# Of fifty sessions one failed for good; of each ten completed ones one was reviewed.
_MADE = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT l.n, l.learner, l.created_at, l.created_at + interval '2 min' AS ended_at,
       uuidv7(l.created_at - clock_timestamp()) AS id,
       uuidv7(l.created_at - clock_timestamp()) AS run,
       uuidv7(l.created_at - clock_timestamp()) AS transcript,
       n %% 50 <> 17 AS is_completed, n %% 10 = 3 AS is_reviewed,
       'coach-' || n / 10 %% 6 AS coach,
       CASE WHEN n < 300 THEN 'v3' WHEN l.created_at > %(now)s - interval '90 days' THEN 'v2'
            ELSE 'v1' END AS prompt,
       CASE WHEN NOT consent_transcript_storage THEN 'consent'
            WHEN l.created_at < %(now)s - make_interval(days => %(retention)s) THEN 'retention'
       END AS removed
  FROM (SELECT n,
               CASE WHEN %(many)s THEN 'learner-many' ELSE 'learner-' || n * 7919 %% %(learners)s
               END AS learner,
               %(now)s - n * %(step)s - interval '30 min' AS created_at
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
         ORDER BY n DESC) l
  JOIN learners ON learners.id = l.learner;
"""
_ROWS = """
INSERT INTO sessions (id, learner_id, title, language, source, status, status_changed_at,
       created_at, completed_at, audio_key, audio_content_type, audio_bytes, duration_seconds,
       uploaded_at, audio_deleted_at, audio_digest, run_id, result_run_id, lease_token,
       error_code, error_message, error_retryable, will_retry, assigned_to,
       transcript_removed_at, transcript_removed_because)
SELECT id, learner,
       CASE WHEN n IN (11, 511, 911) THEN 'At the zebra crossing'
            WHEN n % 3 > 0 THEN 'Talk ' || n || ' about my work' END,
       'en', CASE WHEN n % 100 = 5 THEN 'test' ELSE 'app' END,
       CASE WHEN is_completed THEN 'COMPLETED' ELSE 'FAILED' END, ended_at, created_at,
       CASE WHEN is_completed THEN ended_at END, 'audio/' || id, 'audio/ogg', 260000, 89,
       created_at, ended_at, md5(n::text) || md5(learner), run,
       CASE WHEN is_completed THEN run END, 1,
       CASE WHEN is_completed THEN NULL WHEN n % 200 = 17 THEN 'ANALYSIS_INVALID'
            ELSE 'NO_SPEECH' END,
       CASE WHEN NOT is_completed THEN 'Nothing was heard.' END,
       CASE WHEN NOT is_completed THEN false END, CASE WHEN NOT is_completed THEN false END,
       CASE WHEN n % 30 = 4 THEN coach END,
       CASE WHEN is_completed AND removed IS NOT NULL THEN ended_at END,
       CASE WHEN is_completed THEN removed END
  FROM made;
INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at, queued_at,
       started_at, finished_at, attempts, publications, handed_over_at, message_id, outcome,
       error_code, notified_outcome, transcript_id)
SELECT run, id, 1, 'full', 'upload', 'app', created_at, created_at, created_at, ended_at, 1, 1,
       created_at, 'msg_' || n, CASE WHEN is_completed THEN 'completed' ELSE 'failed' END,
       CASE WHEN NOT is_completed THEN 'NO_SPEECH' END,
       CASE WHEN is_completed THEN 'completed' ELSE 'failed' END,
       CASE WHEN is_completed THEN transcript END
  FROM made;
INSERT INTO transcripts (id, session_id, run_id, text, word_count, language, duration_seconds,
       engine, segments, silences, created_at)
SELECT transcript, id, run,
       CASE WHEN removed IS NULL THEN
           'so in this talk I say what we do at work and why we do it like this'
           || ' with the people of team' || n % 100 || ' and the customer' || n % 5000
           || CASE WHEN n IN (5, 505, 905) THEN ' who met a quokka' ELSE '' END
       ELSE '' END, 30, 'en', 89, 'whisper-1',
       jsonb_build_array(jsonb_build_object('index', 0, 'text', 'so in this talk', 'start', 0,
                                            'end', 4)),
       '[]', ended_at
  FROM made WHERE is_completed;
INSERT INTO analyses (run_id, summary, focus_next, focus_key, intent_label, strengths, findings,
       dropped, model, prompt_version, schema_version, input_tokens, output_tokens,
       cache_read_tokens, cache_write_tokens, cost_usd, created_at)
SELECT run, 'What was said.', 'Say less.', 'grammar.pattern_1', 'work', '[]', '[]', '[]',
       'claude-haiku-5-5', prompt, '3', 2100, 700, 1500, 0, 0.0031, ended_at
  FROM made WHERE is_completed;
INSERT INTO insights (id, run_id, session_id, position, category, pattern_key, pattern, detail,
       frequency, counted, severity, suggestion, examples)
SELECT uuidv7(created_at - clock_timestamp()), run, id, p,
       (ARRAY['grammar', 'vocabulary', 'structure'])[1 + p % 3],
       CASE WHEN p = 0 AND n % 100 = 8 THEN 'structure.rare'
            ELSE 'grammar.pattern_' || (n * 7 + p * 11) % 30 END,
       'A habit', 'What happens.', 3, CASE WHEN p % 2 = 0 THEN 4 END,
       CASE WHEN p = 0 AND n % 4 = 0 THEN 'high' WHEN p < 3 THEN 'medium' ELSE 'low' END,
       'Do this.',
       '[{"text": "so in this talk", "claimed": "so in this talk", "status": "verified",
          "start_offset": 0, "end_offset": 15, "segment": 0, "start": 0, "end": 4,
          "suspect": false}]'
  FROM made, generate_series(0, 9) p WHERE is_completed;
INSERT INTO metrics (run_id, name, label, value, unit, formula_version, basis, moments)
SELECT run, CASE WHEN m = 1 THEN 'pace' ELSE 'metric_' || m END, 'Figure', n % 90 + m, 'per min',
       '2', 'words', '[]'
  FROM made, generate_series(1, 8) m WHERE is_completed;
INSERT INTO session_events (session_id, at, from_status, to_status, stage, run_number, attempt,
       actor)
SELECT id, created_at + number * interval '15 s', past, next, stage, 1, 1, 'queue'
  FROM made,
       (VALUES (0, NULL, 'CREATED', NULL), (1, 'CREATED', 'UPLOADED', NULL),
               (2, 'UPLOADED', 'PROCESSING', 'downloading'),
               (3, 'PROCESSING', 'PROCESSING', 'transcribing'),
               (4, 'PROCESSING', 'PROCESSING', 'analyzing'),
               (5, 'PROCESSING', 'PROCESSING', 'storing'),
               (6, 'PROCESSING', 'COMPLETED', NULL)) step (number, past, next, stage)
 WHERE is_completed OR number < 4;
INSERT INTO result_summaries (session_id, run_id, words, words_per_minute, suspect_share,
       evidence_share, high, medium, low, model, prompt_version, cost_usd)
SELECT id, run, 30, 120, CASE WHEN n / 10 % 50 = 8 THEN 0.4 ELSE 0.05 END,
       CASE WHEN n / 10 % 20 = 6 THEN 0.6 ELSE 0.95 END, (n % 4 = 0)::int, 3, 6,
       'claude-haiku-5-5', prompt, 0.0031
  FROM made WHERE is_completed;
INSERT INTO reviews (id, run_id, session_id, reviewer, round, state, started_at, finished_at)
SELECT uuidv7(created_at - clock_timestamp()), run, id, coach, 1, 'completed', ended_at,
       ended_at + interval '5 min'
  FROM made WHERE is_reviewed AND is_completed
 UNION ALL
SELECT uuidv7(created_at - clock_timestamp()), run, id, 'second-' || coach, 2, 'completed',
       ended_at, ended_at + interval '1 hour'
  FROM made WHERE n % 100 = 43 AND is_completed;
INSERT INTO verdicts (id, insight_id, run_id, session_id, category, prompt_version, model,
       reviewer, verdict, created_at, updated_at)
SELECT uuidv7(created_at - clock_timestamp()), i.id, run, made.id, i.category, prompt,
       'claude-haiku-5-5', coach, CASE WHEN i.position = 2 THEN 'wrong' ELSE 'correct' END,
       ended_at, ended_at
  FROM made JOIN insights i ON i.run_id = made.run AND i.position < 3
 WHERE is_reviewed AND is_completed;
INSERT INTO audit_log (at, actor, role, action, session_id, learner_id)
SELECT ended_at, coach, 1, act, id, learner
  FROM made, unnest(ARRAY['view_transcript', 'review']) act WHERE is_reviewed AND is_completed;
INSERT INTO idempotency_keys (learner_id, key, session_id, created_at)
SELECT learner, 'key-' || n, id, created_at FROM made WHERE n <= 1000 AND learner <> 'learner-many';
"""


def fill(database_url: str, sessions: int, *, tell: Callable[[str], None]) -> None:
    """Write the history into an empty, migrated database; its statistics are fresh afterwards.

    Every index of the migrations stands while it is written, as it does while people use it.
    """
    begun = time.monotonic()
    span = timedelta(days=sessions / A_DAY)
    asked: dict[str, Any] = {
        "now": datetime.now(UTC),
        "learners": max(sessions // SESSIONS_A_LEARNER, 10),
        "retention": RETENTION_DAYS,
    }
    others = asked | {"many": False, "step": span / sessions}
    many = asked | {"many": True, "step": span / MANY_SESSIONS}
    with _connected(database_url) as connection:
        # Neither foreign keys nor the audit's guard are asked for each of thirty million rows.
        connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        connection.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(_LEARNERS, asked)
        connection.execute("ANALYZE learners")
        _write(connection, many, MANY_SESSIONS, lambda _: None)
        _write(connection, others, sessions, tell)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    tell(f"{sessions:,} sessions in {time.monotonic() - begun:.0f} s")


def _write(
    connection: psycopg.Connection[Any],
    asked: dict[str, Any],
    number: int,
    tell: Callable[[str], None],
) -> None:
    """The oldest first, as they came."""
    for last in range(number, 0, -AT_ONCE):
        first = max(last - AT_ONCE, 0) + 1
        with connection.transaction():
            connection.execute(_MADE, asked | {"first": first, "last": last})
            connection.execute(_ROWS)
        if first % (10 * AT_ONCE) == 1 and first > 1:
            tell(f"{number - first + 1:,} of {number:,}")


def _connected(database_url: str) -> psycopg.Connection[Any]:
    # Bound by the client: Postgres takes no parameters for what makes a table.
    return psycopg.connect(
        database_url.replace("+psycopg", ""), autocommit=True, cursor_factory=psycopg.ClientCursor
    )
