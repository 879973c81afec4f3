"""What is read often finds its rows by an index, however many others there are.

Postgres reads a small table whole, whatever indexes it has: here it is told not to where it has a
choice. `make bench-growth` shows what it chooses among a million.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, Row, event, select, text

from benchmarks.growth.filling import FEW, RARE_WORD, fill
from pipeline import backlog, figures, quality, retention, review, session_list
from pipeline.criteria import Criteria, ReviewNeed
from pipeline.database import operations
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.database.models import SpeakingSession
from pipeline.services import Services
from pipeline.staff import Role, Staff
from pipeline.status import Status
from tests.databases import Databases
from tests.world import make_settings

ADMIN = Staff("ann@example.com", Role.ADMIN)
SESSIONS = 10_000

Work = Callable[[Services], object]


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[Services]:
    """A history of some sessions, with a retention of words."""
    url = databases.made()
    fill(url, SESSIONS, tell=lambda _: None)
    services = Services(make_settings(database_url=url, transcript_retention_days=365))
    yield services
    services.close()


def explained(services: Services, work: Work) -> list[str]:
    """All statements of `work`, each with its plan where no table is read whole needlessly."""
    asked: list[tuple[str, Any]] = []

    def remember(*executed: Any) -> None:
        asked.append((executed[2], executed[3]))

    event.listen(services.engine, "before_cursor_execute", remember)
    try:
        work(services)
    finally:
        event.remove(services.engine, "before_cursor_execute", remember)
    return [_plan(services.engine, statement, values) for statement, values in asked]


def _plan(engine: Engine, statement: str, values: Any) -> str:
    if not statement.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "WITH")):
        return ""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = f"EXPLAIN (FORMAT JSON) {statement}"
        rows: list[Row[Any]] = list(connection.exec_driver_sql(explain, values))
        return statement + json.dumps(rows[0][0])


def _page(criteria: Criteria) -> Work:
    return lambda services: session_list.page(services, criteria)


def _looked_through(services: Services) -> object:
    return quality.quality(services, ADMIN, days=1)


def _unreached_rerun(services: Services) -> object:
    with transaction(services.engine) as db:
        shown = select(SpeakingSession.id).where(SpeakingSession.status == Status.COMPLETED)
        session_id: UUID = db.scalars(shown.limit(1)).one()
        return operations.give_up(db, session_id, run_id=new_id(), actor="test", now=services.now())


@pytest.mark.parametrize(
    ("work", "index"),
    [
        (_page(Criteria(source="test")), "ix_sessions_source_id"),
        (_page(Criteria(search="zebra crossing")), "ix_sessions_names"),
        (lambda s: review.list_sessions(s, query="zebra crossing"), "ix_sessions_names"),
        (_page(Criteria(review=ReviewNeed.IN_HAND)), "ix_reviews_open"),
        (_page(Criteria(severity="high")), "ix_result_summaries_high"),
        (_page(Criteria(evidence_below=0.8)), "ix_result_summaries_low_evidence"),
        (_page(Criteria(evidence_below=0.1)), "ix_result_summaries_low_evidence"),
        (_page(Criteria(suspect_above=0.3)), "ix_result_summaries_suspect"),
        (_looked_through, "ix_verdicts_created_at"),
        (lambda s: review.profile(s, FEW), "ix_sessions_learner_id_created_at_id"),
        (_looked_through, "ix_reviews_second"),
        (retention.remove_words, "ix_transcripts_words_held"),
        (retention.remove_words, "ix_sessions_learner_id_words_held"),
    ],
)
def test_an_index_is_there_for_it_and_is_used(filled: Services, work: Work, index: str) -> None:
    assert any(index in plan for plan in explained(filled, work))


def test_counting_begins_with_the_newest_as_the_list_does(filled: Services) -> None:
    """Of the oldest few may match: their words are gone."""
    plans = explained(filled, _page(Criteria(review=ReviewNeed.NEEDED)))
    counting = next(plan for plan in plans if plan.startswith("SELECT count(*)"))

    assert '"Scan Direction": "Backward"' in counting


def test_postgres_knows_beforehand_which_words_are_looked_for(filled: Services) -> None:
    plans = explained(filled, _page(Criteria(words=RARE_WORD)))

    assert any(f"@@ '''{RARE_WORD}'''::tsquery" in plan for plan in plans)


@pytest.mark.parametrize(
    "work",
    [backlog.backlog, _unreached_rerun, retention.remove_words, figures.failures],
)
def test_no_session_is_read_that_is_not_asked_for(filled: Services, work: Work) -> None:
    for plan in explained(filled, work):
        whole = re.search(r'"Node Type": "Seq Scan",[^{}]*"Relation Name": "(\w+)"', plan)
        assert whole is None or whole[1] == "learners"
