"""How good the feedback is, counted in Postgres: verdicts, agreement, golden runs, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from pipeline.database.base import new_id
from pipeline.database.staff_models import GoldenCase, GoldenRun
from pipeline.scoring import Agreement, Findings, GoldenScore, Precision, Use

_FINDINGS = TypeAdapter(dict[str, Findings])

# One verdict an insight, the first: several on one would make the sample look larger than it is.
_PRECISION = text("""
SELECT category, prompt_version, model, count(*) AS judged,
       count(*) FILTER (WHERE verdict = 'correct') AS correct
  FROM (SELECT DISTINCT ON (insight_id) verdict, category, prompt_version, model
          FROM verdicts
         WHERE created_at >= :since
         ORDER BY insight_id, created_at) firsts
 GROUP BY category, prompt_version, model
""")

# What either said after the review was finished, perhaps knowing the other's word, is left out.
_PAIRS = text("""
SELECT mine.verdict AS first, theirs.verdict AS second, count(*)::int AS insights
  FROM reviews r2
  JOIN reviews r1 ON r1.run_id = r2.run_id AND r1.round = 1 AND r1.state = 'completed'
  JOIN verdicts theirs ON theirs.run_id = r2.run_id AND theirs.reviewer = r2.reviewer
                      AND theirs.updated_at <= r2.finished_at
  JOIN verdicts mine ON mine.insight_id = theirs.insight_id AND mine.reviewer = r1.reviewer
                    AND mine.updated_at <= r1.finished_at
 WHERE r2.round = 2 AND r2.state = 'completed' AND r2.finished_at >= :since
 GROUP BY mine.verdict, theirs.verdict
""")

# Day by day over an index that holds all of it: grouping a hundred thousand rows would sort them.
_USE = text("""
SELECT day::date, used.*
  FROM generate_series(date_trunc('day', CAST(:since AS timestamptz), 'UTC'), :now,
                       interval '1 day') day
 CROSS JOIN LATERAL (
       SELECT count(*)::int AS analyses,
              coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
              coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
              coalesce(sum(cache_read_tokens), 0)::bigint AS cache_read_tokens,
              coalesce(sum(cache_write_tokens), 0)::bigint AS cache_write_tokens,
              sum(cost_usd) AS cost_usd,
              count(*) FILTER (WHERE cost_usd IS NULL)::int AS unpriced
         FROM analyses
        WHERE created_at >= day AND created_at < day + interval '1 day') used
 ORDER BY day
""")

_ROOM = text("SELECT set_config('work_mem', '32MB', true)")


def make_room(db: Session) -> None:
    """Let this transaction sort in memory: Postgres' usual 4 MB send 50,000 verdicts to disk."""
    db.execute(_ROOM)


def precision(db: Session, *, since: datetime) -> dict[str, tuple[Precision, ...]]:
    """By `category`, `prompt_version` and `model`, of what was judged since then."""
    summed: dict[str, dict[str, list[int]]] = {
        "category": {},
        "prompt_version": {},
        "model": {},
    }
    for row in db.execute(_PRECISION, {"since": since}):
        for axis, by_name in summed.items():
            counts = by_name.setdefault(getattr(row, axis), [0, 0])
            counts[0] += row.correct
            counts[1] += row.judged
    return {
        axis: tuple(Precision(name, *by_name[name]) for name in sorted(by_name))
        for axis, by_name in summed.items()
    }


def agreement(db: Session, *, since: datetime) -> Agreement:
    """What first and second reviewers said, where the second finished since then."""
    rows = db.execute(_PAIRS, {"since": since})
    return Agreement({(row.first, row.second): row.insights for row in rows})


def use(db: Session, *, since: datetime, now: datetime) -> tuple[Use, ...]:
    """Tokens and cost of each day until now, those without an analysis included."""
    return tuple(Use(*row) for row in db.execute(_USE, {"since": since, "now": now}))


def keep_golden_run(
    db: Session,
    *,
    model: str,
    prompt_version: str,
    figures: Mapping[str, float | None],
    findings: Mapping[str, Findings],
    now: datetime,
) -> UUID:
    """Store one run of the golden set; its id."""
    run_id = new_id()
    db.execute(
        insert(GoldenRun).values(
            id=run_id,
            created_at=now,
            model=model,
            prompt_version=prompt_version,
            talks=len(findings),
            figures=dict(figures),
            findings=_FINDINGS.dump_python(dict(findings), mode="json"),
        )
    )
    return run_id


def golden_runs(db: Session, *, limit: int) -> tuple[GoldenScore, ...]:
    """The newest runs of the golden set, newest first."""
    rows = db.scalars(select(GoldenRun).order_by(GoldenRun.id.desc()).limit(limit))
    return tuple(
        GoldenScore(
            id=row.id,
            created_at=row.created_at,
            model=row.model,
            prompt_version=row.prompt_version,
            talks=row.talks,
            figures=row.figures,
            findings=_FINDINGS.validate_python(row.findings),
        )
        for row in rows
    )


def sessions_of_cases(db: Session, insight_ids: list[UUID]) -> dict[UUID, UUID]:
    """Insight → session, of those insights that a golden case was made of."""
    rows = db.execute(
        select(GoldenCase.insight_id, GoldenCase.session_id).where(
            GoldenCase.insight_id.in_(insight_ids)
        )
    )
    return {row.insight_id: row.session_id for row in rows}


def count_cases(db: Session) -> int:
    """How many golden cases staff made."""
    return db.scalar(select(func.count()).select_from(GoldenCase)) or 0
