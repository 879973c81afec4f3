"""Something done to many sessions: once each, by the single use-case, whoever dies on the way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Row, text

from pipeline import bulk, intake
from pipeline.bulk_action import BulkAction, BulkProgress, BulkState
from pipeline.database import bulk as jobs
from pipeline.database import sessions
from pipeline.database.engine import transaction
from pipeline.errors import (
    Forbidden,
    InvalidInput,
    LeaseHeld,
    NotFound,
)
from pipeline.staff import Role, Staff
from pipeline.status import Scope
from pipeline.sweep import sweep
from tests.backend.live import eventually
from tests.pipeline import failed
from tests.world import NOBODYS_ID, NOWHERE, World

COACH = Staff("cleo@example.com", Role.COACH)
QA = Staff("ann@example.com", Role.QA)
ADMIN = Staff("eve@example.com", Role.ADMIN)
NOBODYS = UUID(NOBODYS_ID)


def start(world: World, action: BulkAction, *session_ids: UUID, **more: Any) -> UUID:
    more = {"staff": ADMIN, "reason": "a new prompt", **more}
    if action is BulkAction.ASSIGN:
        more.setdefault("argument", "bob@example.com")
    return bulk.start(world.services, more.pop("staff"), action, session_ids=session_ids, **more)


def done(world: World, job_id: UUID) -> BulkProgress:
    """Work the job off, here and now."""
    assert bulk.work_off(world.services, job_id)
    return bulk.progress(world.services, job_id)


def announced(world: World, count: int) -> list[UUID]:
    """Sessions that cost nothing to make."""
    made = [uuid4() for _ in range(count)]
    with transaction(world.services.engine) as db:
        for session_id in made:
            sessions.add_session(
                db,
                session_id=session_id,
                learner_id="learner-1",
                title=None,
                language="en",
                source="app",
                audio={},
                actor="upload",
                now=world.clock(),
            )
    return made


def rows(world: World, statement: str, **values: Any) -> list[Row[Any]]:
    with transaction(world.services.engine) as db:
        return list(db.execute(text(statement), values))


def audited(world: World, action: str) -> list[Row[Any]]:
    return rows(world, "SELECT * FROM audit_log WHERE action = :action ORDER BY id", action=action)


def assigned(world: World) -> list[UUID]:
    return [row.id for row in rows(world, "SELECT id FROM sessions WHERE assigned_to IS NOT NULL")]


@contextmanager
def locked(world: World, session_id: UUID) -> Iterator[None]:
    """Postgres itself holds whoever comes to this session."""
    with transaction(world.services.engine) as db:
        assert sessions.lock(db, session_id)
        # The limit on idle transactions is for workers; a test takes what it takes.
        db.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield


def test_each_session_is_run_again_or_refused_with_its_code(world: World) -> None:
    first, second, waiting = world.complete(), world.complete(), world.upload()
    job_id = start(world, BulkAction.RERUN_ANALYSIS, first, waiting, NOBODYS, second, staff=QA)

    after = done(world, job_id)

    assert (after.state, after.total, after.done) == (BulkState.DONE, 4, 2)
    assert after.refused == {"ALREADY_RUNNING": 1, "NOT_FOUND": 1}
    for session_id in (first, second):
        newest = world.detail(session_id).runs[-1]
        assert (newest.number, newest.scope, newest.requested_by) == (2, Scope.ANALYSIS, QA.name)
    assert len(world.detail(waiting).runs) == 1


def test_starting_does_nothing_yet_and_leaves_one_entry_with_the_reason(world: World) -> None:
    session_id = world.complete()

    job_id = start(world, BulkAction.DELETE, session_id, session_id)

    (entry,) = audited(world, "bulk")
    assert (entry.actor, entry.reason) == (ADMIN.name, "a new prompt")
    assert entry.detail == {"job": str(job_id), "action": "delete", "sessions": 1}
    assert world.detail(session_id).row.id == session_id
    assert bulk.progress(world.services, job_id).settled == 0


def test_a_deletion_of_many_leaves_an_entry_for_each(world: World) -> None:
    completed, held = world.complete("ann"), world.upload("bob")

    after = done(world, start(world, BulkAction.DELETE, completed, held))

    assert after.done == 2
    for session_id in (completed, held):
        with pytest.raises(NotFound):
            world.detail(session_id)
        assert not world.is_stored(session_id)
    assert [(e.session_id, e.learner_id, e.reason) for e in audited(world, "delete")] == [
        (completed, "ann", "a new prompt"),
        (held, "bob", "a new prompt"),
    ]


def test_assigning_says_who_shall_review(world: World) -> None:
    made = announced(world, 2)

    after = done(world, start(world, BulkAction.ASSIGN, *made, NOBODYS, staff=QA))

    assert (after.done, after.refused) == (2, {"NOT_FOUND": 1})
    held = rows(world, "SELECT assigned_to FROM sessions")
    assert [row.assigned_to for row in held] == ["bob@example.com"] * 2
    assert [entry.detail for entry in audited(world, "assign")] == [{"to": "bob@example.com"}] * 2


def test_a_retry_goes_on_at_what_is_missing(world: World) -> None:
    unheard, unread = failed.silent(world), failed.unread(world)

    after = done(world, start(world, BulkAction.RETRY, unheard, unread, staff=QA))

    assert after.done == 2
    assert world.detail(unheard).runs[-1].scope is Scope.FULL
    assert world.detail(unread).runs[-1].scope is Scope.ANALYSIS


def test_asking_twice_starts_one_job(world: World) -> None:
    session_id, job_id = world.complete(), uuid4()

    for _ in range(2):
        assert start(world, BulkAction.RERUN_ANALYSIS, session_id, job_id=job_id) == job_id
    done(world, job_id)

    assert not bulk.work_off(world.services, job_id), "it is over"
    assert len(world.detail(session_id).runs) == 2
    assert len(audited(world, "bulk")) == 1
    assert len(bulk.recent(world.services)) == 1


@pytest.mark.parametrize(
    ("staff", "action"),
    [
        (COACH, BulkAction.ASSIGN),
        (COACH, BulkAction.RERUN_ANALYSIS),
        (COACH, BulkAction.RERUN_FULL),
        (COACH, BulkAction.RETRY),
        (QA, BulkAction.DELETE),
    ],
)
def test_who_may_not_do_it_to_one_may_not_do_it_to_many(
    world: World, staff: Staff, action: BulkAction
) -> None:
    with pytest.raises(Forbidden):
        start(world, action, NOBODYS, staff=staff)

    assert bulk.recent(world.services) == ()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"session_ids": []}, "Choose at least one"),
        ({"session_ids": [uuid4() for _ in range(10_001)]}, "10,001 sessions are too many"),
        ({"reason": " \n"}, "Give a reason"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"argument": " "}, "to whom"),
        ({"argument": None}, "to whom"),
        ({"argument": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_makes_no_job_is_refused_in_words(
    world: World, changed: dict[str, Any], sentence: str
) -> None:
    asked = {"session_ids": [NOBODYS], "reason": "why", "argument": "bob", **changed}

    with pytest.raises(InvalidInput, match=sentence):
        bulk.start(world.services, QA, BulkAction.ASSIGN, **asked)

    assert bulk.recent(world.services) == ()


def test_ten_thousand_are_one_job_and_what_postgres_cannot_hold_is_left_out(world: World) -> None:
    job_id = bulk.start(
        world.services,
        QA,
        BulkAction.ASSIGN,
        session_ids=[uuid4() for _ in range(10_000)],
        reason="a\0b",
        argument="bob",
    )

    held = bulk.progress(world.services, job_id)
    assert (held.total, held.reason) == (10_000, "ab")


def test_a_worker_killed_in_the_middle_is_followed_by_the_sweeper(world: World) -> None:
    made = announced(world, 5)
    job_id = start(world, BulkAction.ASSIGN, *made)
    command = (
        "import sys, uuid; from pipeline.settings import Settings; from pipeline.bulk import "
        "work_off; from pipeline.services import Services; "
        "work_off(Services(Settings()), uuid.UUID(sys.argv[1]))"
    )
    url = world.services.settings.require("DATABASE_URL")

    with locked(world, made[2]):
        worker = subprocess.Popen(
            [sys.executable, "-c", command, str(job_id)], env={"DATABASE_URL": url}
        )
        eventually(lambda: bulk.progress(world.services, job_id).done == 2)
        worker.kill()
        worker.wait()

    assert sweep(world.services).jobs_continued == 0, "the dead worker's lease still runs"
    world.clock.move(seconds=jobs.LEASE.total_seconds() + 1)
    assert bulk.progress(world.services, job_id).is_resting

    assert sweep(world.services).jobs_continued == 1

    after = bulk.progress(world.services, job_id)
    assert (after.state, after.done, after.refused) == (BulkState.DONE, 5, {})
    assert [entry.session_id for entry in audited(world, "assign")] == made, "each just once"


def test_a_job_that_nobody_began_is_the_sweepers_after_a_moment(world: World) -> None:
    job_id = start(world, BulkAction.ASSIGN, *announced(world, 2))
    assert sweep(world.services).jobs_continued == 0, "whoever clicked is about to begin"
    world.clock.move(seconds=jobs.ABANDONED_AFTER.total_seconds())

    sweep(world.services)

    assert bulk.progress(world.services, job_id).done == 2


def test_a_worker_that_lost_its_lease_lands_nothing(world: World) -> None:
    session_id = world.complete()
    job_id = start(world, BulkAction.RERUN_ANALYSIS, session_id)
    with transaction(world.services.engine) as db:
        frozen = jobs.claim(db, job_id, now=world.clock())
        assert frozen
        (item,) = jobs.waiting(db, frozen, limit=10)
    assert not bulk.work_off(world.services, job_id), "another one is alive"
    world.clock.move(seconds=jobs.LEASE.total_seconds() + 1)
    done(world, job_id)
    world.deliver(session_id)

    with pytest.raises(LeaseHeld):
        intake.rerun(
            world.services,
            session_id,
            scope=Scope.ANALYSIS,
            staff=ADMIN,
            also=lambda db: jobs.settle(db, frozen, item, code=None, now=world.clock()),
        )

    assert len(world.detail(session_id).runs) == 2


def test_after_a_stop_nothing_more_lands(world: World) -> None:
    made = announced(world, 4)
    job_id = start(world, BulkAction.ASSIGN, *made, staff=QA)

    with locked(world, made[2]):
        bulk.begin(world.services, job_id)
        eventually(lambda: bulk.progress(world.services, job_id).done == 2)
        assert bulk.stop(world.services, QA, job_id)

    eventually(lambda: f"bulk-{job_id}" not in at_work())
    after = bulk.progress(world.services, job_id)
    assert (after.state, after.done, after.refused) == (BulkState.STOPPED, 2, {})
    assert set(assigned(world)) == set(made[:2])
    assert not bulk.stop(world.services, QA, job_id), "it was over already"
    assert [entry.detail.get("stopped") for entry in audited(world, "bulk")] == [None, True]


def at_work() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_job_is_stopped_by_who_asked_or_by_an_admin(world: World) -> None:
    job_id = start(world, BulkAction.ASSIGN, NOBODYS, staff=QA)

    for other in (Staff("dan@example.com", Role.QA), COACH):
        with pytest.raises(Forbidden):
            bulk.stop(world.services, other, job_id)
    assert bulk.progress(world.services, job_id).state is BulkState.RUNNING

    assert bulk.stop(world.services, ADMIN, job_id)


def test_a_job_that_is_none_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no such job"):
        bulk.progress(world.services, NOBODYS)
    with pytest.raises(NotFound, match="no such job"):
        bulk.stop(world.services, ADMIN, NOBODYS)
    assert not bulk.work_off(world.services, NOBODYS)


def test_passing_trouble_refuses_nothing_and_the_sweeper_goes_on(world: World) -> None:
    session_id = world.upload()
    job_id = start(world, BulkAction.DELETE, session_id)

    bulk.work_off(world.with_settings(r2_endpoint_url=NOWHERE).services, job_id)

    before = bulk.progress(world.services, job_id)
    assert (before.settled, before.is_resting) == (0, True)
    world.clock.move(seconds=jobs.ABANDONED_AFTER.total_seconds())
    sweep(world.services)
    assert bulk.progress(world.services, job_id).done == 1
    assert not world.is_stored(session_id)


def test_what_nobody_foresaw_keeps_no_other_session_from_being_done(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = announced(world, 2)
    with transaction(world.services.engine) as db:
        db.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'hospital'; END $$"
            )
        )
        db.execute(
            text(
                "CREATE TRIGGER refuse BEFORE UPDATE ON sessions FOR EACH ROW "
                f"WHEN (OLD.id = '{bad}') EXECUTE FUNCTION refuse()"
            )
        )

    after = done(world, start(world, BulkAction.ASSIGN, bad, good))

    assert (after.done, after.refused) == (1, {"INTERNAL": 1})
    assert assigned(world) == [good]
    assert "hospital" not in caplog.text


def test_the_time_of_a_sweep_bounds_the_work(world: World) -> None:
    job_id = start(world, BulkAction.ASSIGN, *announced(world, 2))

    assert bulk.work_off(world.services, job_id, ends_at=time.monotonic())

    assert bulk.progress(world.services, job_id).settled == 0
    assert done(world, job_id).done == 2, "it was given back at once"


def test_jobs_are_listed_newest_first_and_forgotten_after_a_month(world: World) -> None:
    first = start(world, BulkAction.ASSIGN, NOBODYS)
    done(world, first)
    second = start(world, BulkAction.DELETE, NOBODYS)

    assert [job.id for job in bulk.recent(world.services)] == [second, first]

    world.clock.move(days=31)
    sweep(world.services)
    assert [job.id for job in bulk.recent(world.services)] == [second]
