"""What progress is read from: a learner's newest completed sessions, their figures and counts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.database.profiles import OCCURRENCES
from pipeline.focus import Figure, Spoken

_SESSIONS = text("""
SELECT s.id, s.created_at, s.result_run_id AS run_id, t.word_count, a.focus_next, a.focus_key
  FROM sessions s
  JOIN runs r ON r.id = s.result_run_id
  JOIN transcripts t ON t.id = r.transcript_id
  JOIN analyses a ON a.run_id = r.id
  JOIN learners l ON l.id = s.learner_id AND l.consent_pattern_tracking
 WHERE s.learner_id = :learner AND s.result_run_id IS NOT NULL
   AND (CAST(:at AS timestamptz) IS NULL OR (s.created_at, s.id) <= (:at, CAST(:id AS uuid)))
 ORDER BY s.created_at DESC, s.id DESC
 LIMIT :most
""")
_FIGURES = text("""
SELECT run_id, name, label, unit, value, low, high, formula_version
  FROM metrics WHERE run_id = ANY(:runs)
""")
_COUNTS = text(f"""
SELECT run_id, pattern_key, {OCCURRENCES} AS occurrences
  FROM insights WHERE run_id = ANY(:runs)
 GROUP BY run_id, pattern_key
""")  # noqa: S608 - our own words, nothing of a caller's


def spoken(
    db: Session, learner_id: str, *, most: int, until: tuple[datetime, UUID] | None = None
) -> list[Spoken]:
    """Up to `most` completed sessions, newest first, from the session `until` on backwards.

    None of a learner who does not agree to be tracked: all progress is told from these.
    """
    at, session_id = until or (None, None)
    rows = db.execute(
        _SESSIONS, {"learner": learner_id, "at": at, "id": session_id, "most": most}
    ).all()
    runs = {"runs": [row.run_id for row in rows]}
    figures: dict[UUID, dict[str, Figure]] = defaultdict(dict)
    for row in db.execute(_FIGURES, runs):
        figures[row.run_id][row.name] = Figure(
            row.label, row.unit, row.value, row.low, row.high, row.formula_version
        )
    counts: dict[UUID, dict[str, float]] = defaultdict(dict)
    for row in db.execute(_COUNTS, runs):
        counts[row.run_id][row.pattern_key] = float(row.occurrences)
    return [
        Spoken(
            session_id=row.id,
            at=row.created_at,
            words=row.word_count,
            focus=row.focus_next,
            focus_key=row.focus_key,
            figures=figures[row.run_id],
            occurrences=counts[row.run_id],
        )
        for row in rows
    ]
