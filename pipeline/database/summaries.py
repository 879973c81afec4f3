"""A session's shown result in one line of figures: derived whole, like the profile."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# Evidence: of the quotes that the model gave for insights and strengths, those that were found.
_DERIVE = text("""
INSERT INTO result_summaries AS old (session_id, run_id, words, words_per_minute, suspect_share,
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
 WHERE s.id = :session
    ON CONFLICT (session_id) DO UPDATE SET
       run_id = excluded.run_id, words = excluded.words,
       words_per_minute = excluded.words_per_minute, suspect_share = excluded.suspect_share,
       evidence_share = excluded.evidence_share, high = excluded.high, medium = excluded.medium,
       low = excluded.low, model = excluded.model, prompt_version = excluded.prompt_version,
       cost_usd = excluded.cost_usd
""")


def refresh(db: Session, *session_ids: UUID) -> None:
    """Derive the lines of sessions' shown results anew; call it where such a result changes."""
    if session_ids:
        db.execute(_DERIVE, [{"session": session_id} for session_id in session_ids])
