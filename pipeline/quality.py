"""How good the feedback is: what people's verdicts say, and golden runs against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pipeline.database import quality as rows
from pipeline.database.engine import transaction
from pipeline.golden_case import insight_of
from pipeline.scoring import ChangedTalk, Findings, GoldenScore, Quality
from pipeline.services import Services
from pipeline.staff import Role, Staff

MOST_RUNS = 50
"""Golden runs to choose from."""


def quality(services: Services, staff: Staff, *, days: int) -> Quality:
    """What was judged and spent in the last so many days.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    now = services.now()
    since = now - timedelta(days=days)
    with transaction(services.engine) as db:
        rows.make_room(db)
        found = rows.precision(db, since=since)
        return Quality(
            by_category=found["category"],
            by_prompt=found["prompt_version"],
            by_model=found["model"],
            agreement=rows.agreement(db, since=since),
            use=rows.use(db, since=since, now=now),
        )


def keep_golden_run(
    services: Services,
    *,
    model: str,
    prompt_version: str,
    figures: Mapping[str, float | None],
    findings: Mapping[str, Findings],
) -> UUID:
    """Store what `make eval STORE=1` scored, for the page that compares; its id."""
    with transaction(services.engine) as db:
        return rows.keep_golden_run(
            db,
            model=model,
            prompt_version=prompt_version,
            figures=figures,
            findings=findings,
            now=services.now(),
        )


@dataclass(frozen=True, slots=True)
class GoldenRuns:
    """The runs of the golden set that there are, and how many cases staff added to it."""

    runs: tuple[GoldenScore, ...]
    """Newest first."""
    staff_cases: int


def golden_runs(services: Services, staff: Staff) -> GoldenRuns:
    """The newest runs of the golden set.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        return GoldenRuns(rows.golden_runs(db, limit=MOST_RUNS), rows.count_cases(db))


def changes(
    services: Services, staff: Staff, before: GoldenScore, after: GoldenScore
) -> tuple[ChangedTalk, ...]:
    """The talks that two golden runs answered differently, by id.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    talks = sorted(before.findings.keys() | after.findings.keys())
    changed = [talk for talk in talks if before.findings.get(talk) != after.findings.get(talk)]
    made = {talk: insight for talk in changed if (insight := insight_of(talk))}
    with transaction(services.engine) as db:
        held = rows.sessions_of_cases(db, list(made.values()))
    return tuple(
        ChangedTalk(
            talk,
            before.findings.get(talk),
            after.findings.get(talk),
            held.get(made[talk]) if talk in made else None,
        )
        for talk in changed
    )
