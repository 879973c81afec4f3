"""The pattern profile: derived from the insights that stand, whole, each time one changes."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from pipeline.database.models import Learner

# What stands are the insights of each session's last successful run. An occurrence count is
# code's where code can count, else the model's claim; two insights on one key in one session
# that code counted are one count, hence max() there and sum() of claims otherwise.
#
# Trend: the median rate of the last 3 sessions against that of the 5 before them; nothing is
# said below 3 sessions. An improvement is a quarter less (house value).
_DERIVE = text("""
WITH standing AS (
    SELECT s.id, s.created_at, s.result_run_id, t.word_count,
           row_number() OVER (ORDER BY s.created_at DESC, s.id DESC) AS recency,
           count(*) OVER () AS total
      FROM sessions s
      JOIN runs r ON r.id = s.result_run_id
      JOIN transcripts t ON t.id = r.transcript_id
     WHERE s.learner_id = :learner
),
seen AS (
    SELECT i.pattern_key, st.id AS session_id,
           coalesce(max(i.counted), sum(i.frequency)) AS occurrences
      FROM standing st
      JOIN insights i ON i.run_id = st.result_run_id
     GROUP BY i.pattern_key, st.id
),
newest AS (
    SELECT DISTINCT ON (i.pattern_key)
           i.pattern_key, i.category, i.pattern, i.severity
      FROM standing st
      JOIN insights i ON i.run_id = st.result_run_id
     ORDER BY i.pattern_key, st.recency,
              array_position(ARRAY['high', 'medium', 'low'], i.severity), i.position
),
rates AS (
    SELECT k.pattern_key, st.recency, st.created_at, st.total, st.word_count,
           coalesce(seen.occurrences, 0) AS occurrences,
           seen.session_id IS NOT NULL AS is_seen,
           coalesce(seen.occurrences, 0) * 1000.0 / nullif(st.word_count, 0) AS rate
      FROM (SELECT DISTINCT pattern_key FROM seen) k
     CROSS JOIN standing st
      LEFT JOIN seen ON seen.pattern_key = k.pattern_key AND seen.session_id = st.id
),
summed AS (
    SELECT pattern_key,
           count(*) FILTER (WHERE is_seen) AS sessions_seen,
           max(total) AS sessions_total,
           sum(occurrences) AS occurrences,
           sum(occurrences) * 1000.0 / nullif(sum(word_count), 0) AS rate,
           min(created_at) FILTER (WHERE is_seen) AS first_seen_at,
           max(created_at) FILTER (WHERE is_seen) AS last_seen_at,
           max(recency) FILTER (WHERE is_seen) AS oldest_seen,
           min(recency) FILTER (WHERE is_seen) AS newest_seen,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY rate)
               FILTER (WHERE recency <= 3) AS recent,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY rate)
               FILTER (WHERE recency BETWEEN 4 AND 8) AS before
      FROM rates
     GROUP BY pattern_key
)
INSERT INTO pattern_profiles (
    learner_id, pattern_key, category, pattern, sessions_seen, sessions_total, occurrences,
    rate_per_1000_words, first_seen_at, last_seen_at, last_severity, trend)
SELECT :learner, pattern_key, newest.category, newest.pattern, sessions_seen, sessions_total,
       occurrences, rate, first_seen_at, last_seen_at, newest.severity,
       CASE WHEN sessions_total < 3 THEN NULL
            WHEN newest_seen > 3 THEN 'resolved'
            WHEN oldest_seen <= 3 THEN 'new'
            WHEN recent < 0.75 * before THEN 'improving'
            ELSE 'persisting'
       END
  FROM summed
  JOIN newest USING (pattern_key)
""")


def refresh(db: Session, learner_id: str) -> None:
    """Derive a learner's profile anew; concurrent completions take turns."""
    db.execute(select(Learner.id).where(Learner.id == learner_id).with_for_update())
    db.execute(
        text("DELETE FROM pattern_profiles WHERE learner_id = :learner"), {"learner": learner_id}
    )
    db.execute(_DERIVE, {"learner": learner_id})
