"""What progress is read from: a learner's newest completed sessions, their figures and counts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.database.profiles import OCCURRENCES
from pipeline.focus import Figure, Spoken

_SPOKEN = text(f"""
SELECT s.id, s.created_at, t.word_count, a.focus_next, a.focus_key,
       (SELECT jsonb_object_agg(
                   m.name,
                   jsonb_build_object(
                       'label', m.label, 'unit', m.unit, 'value', m.value, 'low', m.low,
                       'high', m.high, 'formula_version', m.formula_version))
          FROM metrics m WHERE m.run_id = r.id) AS figures,
       (SELECT jsonb_object_agg(counted.pattern_key, counted.occurrences)
          FROM (SELECT pattern_key, {OCCURRENCES} AS occurrences
                  FROM insights WHERE run_id = r.id
                 GROUP BY pattern_key) counted) AS occurrences
  FROM sessions s
  JOIN runs r ON r.id = s.result_run_id
  JOIN transcripts t ON t.id = r.transcript_id
  JOIN analyses a ON a.run_id = r.id
  JOIN learners l ON l.id = s.learner_id AND l.consent_pattern_tracking
 WHERE s.learner_id = :learner AND s.result_run_id IS NOT NULL
   AND (CAST(:at AS timestamptz) IS NULL OR (s.created_at, s.id) <= (:at, CAST(:id AS uuid)))
 ORDER BY s.created_at DESC, s.id DESC
 LIMIT :most
""")  # noqa: S608 - our own words, nothing of a caller's


def spoken(
    db: Session, learner_id: str, *, most: int, until: tuple[datetime, UUID] | None = None
) -> list[Spoken]:
    """Up to `most` completed sessions, newest first, from the session `until` on backwards.

    None of a learner who does not agree to be tracked: all progress is told from these.
    """
    at, session_id = until or (None, None)
    rows = db.execute(_SPOKEN, {"learner": learner_id, "at": at, "id": session_id, "most": most})
    return [
        Spoken(
            session_id=row.id,
            at=row.created_at,
            words=row.word_count,
            focus=row.focus_next,
            focus_key=row.focus_key,
            figures={name: Figure(**figure) for name, figure in (row.figures or {}).items()},
            occurrences={key: float(count) for key, count in (row.occurrences or {}).items()},
        )
        for row in rows
    ]
