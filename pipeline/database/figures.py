"""Figures of the work, each from one bounded statement; times by the indexes on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from pipeline.database import operations
from pipeline.errors import AnalysisInvalid
from pipeline.status import Stage
from pipeline.workload import (
    MOST_FAILED,
    DayVolume,
    FailureGroup,
    LastSweep,
    StageTime,
    Standing,
    Throughput,
)

MOST_EVENTS = 20_000
"""Newest events that stages are timed by; sorting more would take too long to look at."""

_LIVE = text("""
SELECT count(*) FILTER (WHERE r.attempts = 0) AS waiting,
       min(r.created_at) FILTER (WHERE r.attempts = 0) AS oldest_waiting,
       count(*) FILTER (WHERE r.attempts > 0 AND status = 'PROCESSING') AS running,
       count(*) FILTER (WHERE r.attempts > 0 AND status = 'FAILED' AND s.will_retry)
           AS between_attempts
  FROM runs r JOIN sessions s ON s.id = r.session_id AND s.run_id = r.id
 WHERE r.outcome IS NULL
""")


def standing(db: Session, *, now: datetime, retention: timedelta) -> Standing:
    """What is to be done at this moment; `retention` is how long audio of failures is kept."""
    live = db.execute(_LIVE).one()
    return Standing(
        waiting=live.waiting,
        oldest_waiting=live.oldest_waiting,
        running=live.running,
        between_attempts=live.between_attempts,
        stuck=operations.count_stuck(db, now=now),
        audio_overdue=operations.count_overdue_audio(db, now=now, retention=retention),
    )


_ENDED = text("""
SELECT count(*) FILTER (WHERE outcome = 'completed') AS completed,
       count(*) FILTER (WHERE outcome = 'failed') AS failed,
       count(*) FILTER (WHERE outcome = 'superseded') AS superseded,
       coalesce(sum(attempts - 1) FILTER (WHERE attempts > 1), 0) AS retries
  FROM runs WHERE finished_at >= :since
""")
_SPENT = text("""
SELECT coalesce(sum(cost_usd), 0) AS spent, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced
  FROM analyses WHERE created_at >= :since
""")
# A stage lasts from its event to the next one of its run; what lies between attempts is none.
_STAGES = text("""
WITH recent AS (
    SELECT id, session_id, run_number, at, to_status, stage
      FROM session_events WHERE at >= :since ORDER BY at DESC LIMIT :most
), spans AS (
    SELECT to_status, stage,
           extract(epoch FROM lead(at) OVER (PARTITION BY session_id, run_number ORDER BY id) - at)
               ::float8 AS seconds
      FROM recent
)
SELECT stage, count(*) AS spans,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95,
       (SELECT count(*) FROM recent) AS events
  FROM spans
 WHERE to_status = 'PROCESSING' AND stage IS NOT NULL AND seconds IS NOT NULL
 GROUP BY stage
""")


def throughput(db: Session, *, since: datetime) -> Throughput:
    """What was done since then."""
    when = {"since": since}
    ended = db.execute(_ENDED, when).one()
    spent = db.execute(_SPENT, when).one()
    stages = {row.stage: row for row in db.execute(_STAGES, {**when, "most": MOST_EVENTS})}
    return Throughput(
        completed=ended.completed,
        failed=ended.failed,
        superseded=ended.superseded,
        retries=ended.retries,
        spent=spent.spent,
        unpriced=spent.unpriced,
        stages=tuple(_stage_time(stages[stage]) for stage in Stage if stage in stages),
        is_sampled=any(row.events == MOST_EVENTS for row in stages.values()),
    )


def _stage_time(row: Row[Any]) -> StageTime:
    return StageTime(Stage(row.stage), row.spans, row.p50, row.p95)


_LAST_SWEEP = text("""
SELECT finished_at, extract(epoch FROM finished_at - started_at)::float8 AS seconds, did
  FROM sweeps ORDER BY finished_at DESC LIMIT 1
""")


def last_sweep(db: Session) -> LastSweep | None:
    """The newest sweep that ended."""
    row = db.execute(_LAST_SWEEP).one_or_none()
    return LastSweep(row.finished_at, row.seconds, row.did) if row else None


# Another run may mend what passes, and an answer of the model that was unusable. It needs the
# transcript, or the recording, and none that is still to come.
_RERUNNABLE = f"""
status = 'FAILED' AND s.will_retry IS NOT TRUE
   AND (s.error_retryable OR s.error_code = '{AnalysisInvalid.code}')
   AND ((s.audio_key IS NOT NULL AND s.audio_deleted_at IS NULL)
        OR EXISTS (SELECT FROM transcripts t WHERE t.session_id = s.id
                   AND s.transcript_removed_at IS NULL))
   AND NOT EXISTS (SELECT FROM runs r WHERE r.id = s.run_id AND r.outcome IS NULL)
"""  # noqa: S608 - our own words, nothing of a caller's
_NEWEST_FAILED = """
(SELECT * FROM sessions WHERE status = 'FAILED' AND error_code IS NOT NULL
  ORDER BY id DESC LIMIT :most)
"""
_FAILURES = text(f"""
SELECT s.error_code AS code, count(*) AS sessions, max(s.status_changed_at) AS newest,
       (array_agg(s.error_message ORDER BY s.status_changed_at DESC))[1] AS sentence,
       count(*) FILTER (WHERE s.will_retry) AS will_retry,
       count(*) FILTER (WHERE {_RERUNNABLE}) AS rerunnable
  FROM {_NEWEST_FAILED} s
 GROUP BY s.error_code
 ORDER BY count(*) DESC, s.error_code
""")  # noqa: S608 - the same


def failures(db: Session) -> tuple[FailureGroup, ...]:
    """Of the newest `MOST_FAILED` sessions that stand failed: by code, most frequent first."""
    return tuple(
        FailureGroup(
            code=row.code,
            sentence=row.sentence,
            count=row.sessions,
            newest=row.newest,
            will_retry=row.will_retry,
            rerunnable=row.rerunnable,
        )
        for row in db.execute(_FAILURES, {"most": MOST_FAILED})
    )


_RERUNNABLE_IDS = text(f"""
SELECT s.id FROM {_NEWEST_FAILED} s
 WHERE s.error_code = :code AND {_RERUNNABLE} ORDER BY s.id LIMIT :limit
""")  # noqa: S608 - the same


def rerunnable(db: Session, code: str, *, limit: int) -> list[UUID]:
    """Of those that `failures` groups, with `code`, that another run may mend; oldest first."""
    asked = {"code": code, "most": MOST_FAILED, "limit": limit}
    return list(db.scalars(_RERUNNABLE_IDS, asked))


_DAYS = text("""
SELECT (created_at AT TIME ZONE 'UTC')::date AS day,
       count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
       count(*) FILTER (WHERE status = 'FAILED') AS failed,
       count(*) FILTER (WHERE status NOT IN ('COMPLETED', 'FAILED')) AS under_way
  FROM sessions WHERE created_at >= :since GROUP BY 1
""")


def volumes(db: Session, *, now: datetime, days: int) -> tuple[DayVolume, ...]:
    """The sessions of the last days, today's included, oldest first."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=days - 1)
    found = {
        row.day: DayVolume(row.day, row.completed, row.failed, row.under_way)
        for row in db.execute(_DAYS, {"since": first})
    }
    listed = [(first + timedelta(days=number)).date() for number in range(days)]
    return tuple(found.get(day, DayVolume(day, 0, 0, 0)) for day in listed)
