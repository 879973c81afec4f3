"""The pattern profile: derived from the insights that stand, whole, each time one changes."""

from __future__ import annotations

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from pipeline.database.models import Learner, PatternProfile

OCCURRENCES = "coalesce(max(counted), sum(frequency))"
"""Of one key in one run: code's count where code can count, else the model's claim. Two insights
on one key that code counted are one count, hence max() there and sum() of claims otherwise."""

# What stands are the insights of each session's last successful run.
#
# Trend: the median rate of the last 3 sessions against that of the 5 before them; nothing is
# said below 3 sessions. An improvement is a quarter less (house value). With 3 sessions there is
# nothing before them: a pattern is new there only if the newest alone shows it.
#
# Rates are looked at for the last 8 sessions only, so the cost grows with what was found, not
# with patterns times sessions. One statement, since the profile must never be seen half-derived:
# the DELETE and the INSERT touch different keys.
DERIVE = text(f"""
WITH standing AS MATERIALIZED (
    SELECT s.created_at, s.result_run_id AS run_id, t.word_count,
           row_number() OVER (ORDER BY s.created_at DESC, s.id DESC) AS recency
      FROM sessions s
      JOIN runs r ON r.id = s.result_run_id
      JOIN transcripts t ON t.id = r.transcript_id
     WHERE s.learner_id = :learner
),
totals AS (
    SELECT count(*) AS sessions, sum(word_count) AS words FROM standing
),
seen AS MATERIALIZED (
    SELECT found.pattern_key, found.occurrences, st.recency, st.created_at
      FROM standing st
     CROSS JOIN LATERAL (
           SELECT i.pattern_key, {OCCURRENCES} AS occurrences
             FROM insights i
            WHERE i.run_id = st.run_id
            GROUP BY i.pattern_key) found
),
summed AS MATERIALIZED (
    SELECT pattern_key, count(*) AS sessions_seen, sum(occurrences) AS occurrences,
           min(created_at) AS first_seen_at, max(created_at) AS last_seen_at,
           min(recency) AS newest_seen, max(recency) AS oldest_seen
      FROM seen
     GROUP BY pattern_key
),
medians AS (
    SELECT pattern_key,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) FILTER (WHERE recency <= 3) AS recent,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) FILTER (WHERE recency > 3) AS before
      FROM (SELECT k.pattern_key, st.recency,
                   coalesce(seen.occurrences, 0) * 1000.0 / nullif(st.word_count, 0) AS rate
              FROM summed k
             CROSS JOIN standing st
              LEFT JOIN (SELECT * FROM seen WHERE recency <= 8) seen
                     ON seen.pattern_key = k.pattern_key AND seen.recency = st.recency
             WHERE st.recency <= 8) rates
     GROUP BY pattern_key
),
newest AS (
    SELECT k.pattern_key, shown.*
      FROM summed k
      JOIN standing st ON st.recency = k.newest_seen
     CROSS JOIN LATERAL (
           SELECT i.category, i.pattern, i.severity
             FROM insights i
            WHERE i.run_id = st.run_id AND i.pattern_key = k.pattern_key
            ORDER BY array_position(ARRAY['high', 'medium', 'low'], i.severity), i.position
            LIMIT 1) shown
),
gone AS (
    DELETE FROM pattern_profiles
     WHERE learner_id = :learner AND pattern_key NOT IN (SELECT pattern_key FROM summed)
)
INSERT INTO pattern_profiles (
    learner_id, pattern_key, category, pattern, sessions_seen, sessions_total, occurrences,
    rate_per_1000_words, first_seen_at, last_seen_at, last_severity, trend)
SELECT :learner, pattern_key, newest.category, newest.pattern, sessions_seen, totals.sessions,
       occurrences, occurrences * 1000.0 / nullif(totals.words, 0), first_seen_at, last_seen_at,
       newest.severity,
       CASE WHEN totals.sessions < 3 THEN NULL
            WHEN newest_seen > 3 THEN 'resolved'
            WHEN totals.sessions > 3 AND oldest_seen <= 3 THEN 'new'
            WHEN totals.sessions = 3 AND oldest_seen = 1 THEN 'new'
            WHEN recent < 0.75 * before THEN 'improving'
            ELSE 'persisting'
       END
  FROM summed
 CROSS JOIN totals
  JOIN medians USING (pattern_key)
  JOIN newest USING (pattern_key)
    ON CONFLICT (learner_id, pattern_key) DO UPDATE SET
       category = excluded.category, pattern = excluded.pattern,
       sessions_seen = excluded.sessions_seen, sessions_total = excluded.sessions_total,
       occurrences = excluded.occurrences, rate_per_1000_words = excluded.rate_per_1000_words,
       first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
       last_severity = excluded.last_severity, trend = excluded.trend
""")  # noqa: S608 - our own words, nothing of a caller's


def refresh(db: Session, learner_id: str) -> None:
    """Derive a learner's profile anew, by one statement; concurrent completions take turns.

    Whoever does not agree to be tracked has none.

    The lock comes first, as a statement of its own: a statement sees what was committed before
    it began, not what is committed while it waits.
    """
    agrees = db.scalar(
        select(Learner.consent_pattern_tracking).where(Learner.id == learner_id).with_for_update()
    )
    if agrees:
        db.execute(DERIVE, {"learner": learner_id})
    else:
        db.execute(delete(PatternProfile).where(PatternProfile.learner_id == learner_id))
