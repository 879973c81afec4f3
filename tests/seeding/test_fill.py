"""Made-up sessions: plausible to the last row, the same each time, and gone without a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pipeline import review
from pipeline.database.engine import transaction
from pipeline.services import Services
from pipeline.session import SessionDetail
from pipeline.status import Status, may_follow
from seeding.fill import RefusedInProduction, fill, remove
from seeding.plan import TODAY
from tests.databases import Databases
from tests.world import World, make_settings

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FEW = 40


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    """A database and nothing else, at noon."""
    yield from at_noon(database_url)


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[Services]:
    """A database that is filled once, for looking only."""
    for services in at_noon(databases.made()):
        fill(services)
        yield services


def at_noon(database_url: str) -> Iterator[Services]:
    made = Services(make_settings(database_url=database_url), now=lambda: NOON)
    yield made
    made.close()


def rows(services: Services, statement: str) -> list[tuple[Any, ...]]:
    with transaction(services.engine) as db:
        return [tuple(row) for row in db.execute(text(statement))]


def details(services: Services, *, every: int = 1) -> list[SessionDetail]:
    ids = rows(services, "SELECT id FROM sessions ORDER BY id DESC")
    return [review.session_detail(services, held) for (held,) in ids[::every]]


def test_every_session_reads_as_if_it_had_been_processed(filled: Services) -> None:
    for detail in details(filled, every=4):
        steps = [None, *(event.to_status for event in detail.events)]
        assert steps[-1] == detail.row.status
        for before, event in zip(steps, detail.events, strict=False):
            assert event.from_status == before
            assert may_follow(before, event.to_status)
        times = [event.at for event in detail.events]
        assert times == sorted(times)
        assert times[-1] <= NOON
        if detail.row.status is Status.COMPLETED:
            assert detail.transcript
            assert detail.summary
            assert {"pace", "fillers_per_minute", "pauses"} <= {m.name for m in detail.metrics}
            for insight in detail.insights:
                for quote in insight.examples:
                    said = detail.transcript.text[quote.start_offset : quote.end_offset]
                    assert quote.text == said


def test_statuses_are_those_of_a_service_that_runs(filled: Services) -> None:
    shares = dict(rows(filled, "SELECT status, count(*) FROM sessions GROUP BY status"))
    today = Counter(str(fate.status) for fate in TODAY)
    codes = rows(filled, "SELECT DISTINCT error_code FROM sessions WHERE status = 'FAILED'")
    held = rows(filled, "SELECT 1 FROM sessions WHERE audio_deleted_at IS NULL")
    learners = rows(filled, "SELECT count(*) FROM sessions GROUP BY learner_id")
    assert shares.keys() == {str(status) for status in Status}
    for moving in ("CREATED", "UPLOADED", "PROCESSING"):
        assert shares[moving] == today[moving]
    assert shares["COMPLETED"] > 340
    assert len(codes) >= 6
    assert held
    assert len(learners) == 20
    assert len(set(learners)) > 5


def test_every_page_has_something_to_show(filled: Services) -> None:
    for table in (
        "result_summaries",
        "pattern_profiles",
        "verdicts",
        "reviews",
        "golden_cases",
        "golden_runs",
        "bulk_jobs",
        "bulk_items",
        "audit_log",
        "sweeps",
    ):
        assert rows(filled, f"SELECT 1 FROM {table} LIMIT 1"), table  # noqa: S608 - names above
    trends = rows(filled, "SELECT DISTINCT trend FROM pattern_profiles")
    assert {("new",), ("persisting",), ("improving",), ("resolved",)} <= set(trends)
    models = rows(filled, "SELECT DISTINCT model, prompt_version FROM result_summaries")
    assert len(models) == 3
    shown = rows(filled, "SELECT count(*) FROM sessions WHERE result_run_id IS NOT NULL")
    assert rows(filled, "SELECT count(*) FROM result_summaries") == shown


def test_ids_are_in_the_order_of_time(filled: Services) -> None:
    times = rows(filled, "SELECT created_at FROM sessions ORDER BY id")
    assert times == sorted(times)
    assert times[0][0] > NOON - timedelta(days=190)


def test_the_same_seed_and_time_give_the_same_rows(services: Services) -> None:
    def drawn() -> list[tuple[Any, ...]]:
        return rows(services, "SELECT id, status, title FROM sessions ORDER BY id")

    fill(services, sessions=FEW)
    first = drawn()
    remove(services)
    fill(services, sessions=FEW)
    again = drawn()
    remove(services)
    fill(services, sessions=FEW, seed=2)

    assert first == again
    assert first != drawn()


def test_a_second_filling_adds_nothing(services: Services) -> None:
    fill(services, sessions=FEW)

    again = fill(services, sessions=400)

    assert not again.added
    assert again.sessions == FEW
    assert rows(services, "SELECT count(*) FROM sessions") == [(FEW,)]


def test_removing_leaves_what_is_not_made_up(world: World) -> None:
    services = world.services
    fill(services, sessions=FEW)
    mine = world.complete("learner-1")
    theirs = world.complete("seed-amara")

    removed = remove(services)

    assert removed == FEW
    assert {detail.row.id for detail in details(services)} == {mine, theirs}
    assert review.profile(services, "seed-amara").sessions_total == 1
    assert rows(services, "SELECT id FROM learners ORDER BY id") == [
        ("learner-1",),
        ("seed-amara",),
    ]
    assert not [o for o in services.storage.objects() if o.key.endswith("5eed5eed")]


def test_what_waits_has_a_recording_and_is_really_processed(world: World) -> None:
    fill(world.services, sessions=20)
    waiting = rows(world.services, "SELECT id FROM sessions WHERE status = 'UPLOADED'")

    for (session_id,) in waiting:
        world.deliver(session_id)
        assert world.detail(session_id).row.status is Status.COMPLETED

    assert waiting


def test_production_is_refused(database_url: str) -> None:
    services = Services(make_settings(database_url=database_url, app_env="production"))

    with pytest.raises(RefusedInProduction):
        fill(services, sessions=20)
    with pytest.raises(RefusedInProduction):
        remove(services)

    assert rows(services, "SELECT 1 FROM sessions") == []
    services.close()
