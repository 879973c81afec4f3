"""What staff do leaves just one entry, in the transaction of what it tells."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pipeline import audit_trail, dead_letter, intake, removal, review
from pipeline.audit_entry import Entry, Wanted
from pipeline.database import audit
from pipeline.database.engine import transaction
from pipeline.errors import (
    AlreadyRunning,
    DatabaseUnavailable,
    EmptyAudio,
    Forbidden,
    InvalidInput,
    NotFound,
    NotRetryable,
    QueueUnavailable,
)
from pipeline.review import Format
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Scope
from tests.letters import Burials
from tests.talks import tone
from tests.world import World

CORA = Staff("cora@example.com", Role.COACH)
QUINN = Staff("quinn@example.com", Role.QA)
ANN = Staff("ann@example.com", Role.ADMIN)

Act = Callable[[Services, UUID, Staff | None], object]

ACTS: dict[AuditAction, tuple[Role, Act]] = {
    AuditAction.VIEW_TRANSCRIPT: (
        Role.COACH,
        lambda services, session_id, staff: review.session_detail(
            services, session_id, staff=staff
        ),
    ),
    AuditAction.EXPORT: (
        Role.COACH,
        lambda services, session_id, staff: review.export_session(
            services, session_id, Format.JSON, staff=staff
        ),
    ),
    AuditAction.UPLOAD: (
        Role.QA,
        lambda services, _, staff: intake.upload(
            services, audio=io.BytesIO(tone()), user_id="learner-1", title="A", staff=staff
        ),
    ),
    AuditAction.RERUN: (
        Role.QA,
        lambda services, session_id, staff: intake.rerun(
            services, session_id, scope=Scope.ANALYSIS, staff=staff, reason="A doubt"
        ),
    ),
    AuditAction.DELETE: (
        Role.ADMIN,
        lambda services, session_id, staff: removal.delete_session(
            services, session_id, staff=staff, reason="A wish"
        ),
    ),
    AuditAction.ERASE: (
        Role.ADMIN,
        lambda services, _, staff: removal.erase_learner(
            services, "learner-1", staff=staff, reason="A wish"
        ),
    ),
}


WRITES = [action for action, (role, _) in ACTS.items() if role > Role.COACH]


def entries(world: World, **wanted: object) -> list[Entry]:
    """The audit, oldest first."""
    shown = audit_trail.page(world.services, ANN, Wanted(**wanted)).entries  # type: ignore[arg-type] # any filter
    return list(reversed(shown))


def test_each_act_of_staff_leaves_one_entry_with_nothing_that_was_said(world: World) -> None:
    session_id = world.complete(title="A secret title")

    for number, (action, (role, act)) in enumerate(ACTS.items(), 1):
        staff = Staff(f"{action}@example.com", role)
        act(world.services, session_id, staff)

        told = entries(world)
        assert len(told) == number
        entry = told[-1]
        assert (entry.action, entry.actor, entry.role) == (action, staff.name, role)
        assert entry.learner_id == "learner-1"
        assert (entry.session_id is None) == (action is AuditAction.ERASE)
        assert abs(entry.at - world.clock()) < timedelta(minutes=1)
        counts = {name for name, value in entry.detail.items() if isinstance(value, int)}
        assert set(entry.detail) - counts <= {"format", "scope", "run", "receipt"}
        assert bool(counts) == (action is AuditAction.ERASE)
        assert "secret" not in json.dumps(entry.detail)


def test_a_lesser_role_is_refused_and_leaves_nothing(world: World) -> None:
    session_id = world.complete()
    before = world.detail(session_id)

    for role, act in ACTS.values():
        if role > Role.COACH:
            with pytest.raises(Forbidden):
                act(world.services, session_id, Staff("somebody@example.com", Role(role - 1)))

    assert entries(world) == []
    assert world.detail(session_id) == before
    assert len(review.list_sessions(world.services).sessions) == 1


def test_what_the_companys_app_does_is_no_entry_but_erasures(world: World) -> None:
    """Of them nothing else is left to tell: the entry keeps the receipt."""
    session_id = world.complete()

    for _, act in ACTS.values():
        act(world.services, session_id, None)

    assert [(entry.action, entry.actor) for entry in entries(world)] == [(AuditAction.ERASE, "app")]


def test_an_act_on_what_is_gone_leaves_none(world: World) -> None:
    for action, (_, act) in ACTS.items():
        if action is not AuditAction.UPLOAD:
            with pytest.raises(NotFound):
                act(world.services, uuid4(), ANN)

    assert entries(world) == []


def test_a_write_that_is_refused_leaves_none(world: World) -> None:
    session_id = world.upload()

    with pytest.raises(AlreadyRunning):
        intake.rerun(world.services, session_id, scope=Scope.FULL, staff=QUINN)
    with pytest.raises(EmptyAudio):
        intake.upload(world.services, audio=io.BytesIO(b""), user_id="x", staff=QUINN)
    with pytest.raises(NotFound):
        removal.erase_learner(world.services, "nobody", staff=ANN)

    assert entries(world) == []


def test_an_entry_that_cannot_be_written_undoes_what_it_tells(world: World) -> None:
    session_id = world.complete()
    before = world.detail(session_id)
    with transaction(world.services.engine) as db:
        db.execute(text("ALTER TABLE audit_log ADD CHECK (action = 'none') NOT VALID"))

    for action in WRITES:
        with pytest.raises(IntegrityError, match="audit_log"):
            ACTS[action][1](world.services, session_id, ANN)

    assert world.detail(session_id) == before
    assert len(review.list_sessions(world.services).sessions) == 1


def test_a_commit_that_fails_leaves_neither_the_write_nor_its_entry(world: World) -> None:
    session_id = world.complete()
    before = world.detail(session_id)
    engine = world.services.engine

    def lose(connection: Connection) -> None:
        if connection.scalar(text("SELECT count(*) FROM audit_log")):
            connection.connection.dbapi_connection.close()  # type: ignore[union-attr] # it is open

    event.listen(engine, "commit", lose)
    for action in WRITES:
        with pytest.raises(DatabaseUnavailable):
            ACTS[action][1](world.services, session_id, ANN)
    event.remove(engine, "commit", lose)

    assert entries(world) == []
    assert world.detail(session_id) == before


def test_the_same_upload_again_is_no_second_entry(world: World) -> None:
    for _ in range(2):
        intake.upload(
            world.services,
            audio=io.BytesIO(tone()),
            user_id="ann",
            idempotency_key="the-same",
            staff=QUINN,
        )

    assert [entry.action for entry in entries(world)] == [AuditAction.UPLOAD]


def test_a_deletion_goes_on_naming_what_is_gone(world: World) -> None:
    session_id = world.complete("bob")

    removal.delete_session(world.services, session_id, staff=ANN, reason=" Asked by mail\0 ")

    (entry,) = entries(world, session_id=session_id)
    assert (entry.learner_id, entry.reason) == ("bob", "Asked by mail")


def test_runs_and_events_name_who_asked(world: World) -> None:
    session_id = intake.upload(
        world.services, audio=io.BytesIO(tone()), user_id="ann", staff=QUINN
    ).session_id
    world.deliver(session_id)
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, staff=ANN)

    detail = world.detail(session_id)
    assert [run.requested_by for run in detail.runs] == [QUINN.name, ANN.name]
    assert detail.events[0].actor == QUINN.name


def test_looking_again_within_a_quarter_of_an_hour_is_one_look(world: World) -> None:
    session_id, other = world.complete(), world.complete()
    # Away from the edge of a quarter: the test must not run over it.
    world.clock.move(seconds=60 + 900 - world.clock().timestamp() % 900)

    for staff in (CORA, CORA, QUINN):
        review.session_detail(world.services, session_id, staff=staff)
    review.session_detail(world.services, other, staff=CORA)
    world.clock.move(minutes=15)
    review.session_detail(world.services, session_id, staff=CORA)

    looks = [(entry.actor, entry.session_id) for entry in entries(world)]
    assert looks == [
        (CORA.name, session_id),
        (QUINN.name, session_id),
        (CORA.name, other),
        (CORA.name, session_id),
    ]


def test_two_looks_at_once_are_one(world: World) -> None:
    session_id = world.complete()
    frozen = world.clock()
    services = replace(world.services, now=lambda: frozen)
    world.open.append(services)

    with ThreadPoolExecutor(8) as threads:
        looks = [
            threads.submit(review.session_detail, services, session_id, staff=CORA)
            for _ in range(8)
        ]
    assert all(look.result() for look in looks)

    assert len(entries(world)) == 1


def test_a_session_without_a_transcript_was_not_read(world: World) -> None:
    review.session_detail(world.services, world.upload(), staff=CORA)

    assert entries(world) == []


def test_exporting_a_learner_is_one_entry_on_the_learner(world: World) -> None:
    world.complete("bob")
    world.complete("bob")

    review.export_learner(world.services, "bob", staff=CORA)

    (entry,) = entries(world)
    assert (entry.action, entry.session_id, entry.learner_id) == (AuditAction.EXPORT, None, "bob")


def test_dead_letters_that_are_retried_or_deleted_are_entries(burials: Burials) -> None:
    world = burials.world
    retried, deleted = burials.bury_failed(), burials.bury_failed(heard=400)
    letter_ids = burials.id(retried), burials.id(deleted)

    for refused in (dead_letter.retry, dead_letter.delete):
        with pytest.raises(Forbidden):
            refused(world.services, letter_ids[0], staff=QUINN)
    with pytest.raises(Forbidden):
        dead_letter.retry_all(world.services, staff=QUINN)
    with pytest.raises(NotRetryable):
        dead_letter.retry(world.services, letter_ids[1], staff=ANN)
    assert entries(world) == []

    dead_letter.retry_all(world.services, staff=ANN)
    dead_letter.delete(world.services, letter_ids[1], staff=ANN)

    assert [(entry.action, entry.session_id, entry.detail) for entry in entries(world)] == [
        (AuditAction.RETRY_LETTER, retried, {"letter": letter_ids[0]}),
        (AuditAction.DELETE_LETTER, deleted, {"letter": letter_ids[1]}),
    ]


def test_a_letter_that_the_queue_does_not_tell_of_leaves_none(world: World) -> None:
    with pytest.raises(QueueUnavailable):
        dead_letter.delete(world.services, "letter", staff=ANN)

    assert entries(world) == []


def fill(world: World, count: int, **more: object) -> None:
    """Entries one minute apart, the last one now."""
    with transaction(world.services.engine) as db:
        for number in range(count):
            at = world.clock() - timedelta(minutes=count - 1 - number)
            audit.record(db, CORA, AuditAction.EXPORT, now=at, **more)  # type: ignore[arg-type] # any


def test_the_trail_comes_in_pages_newest_first(world: World) -> None:
    fill(world, 7)

    first = audit_trail.page(world.services, ANN, Wanted(), limit=3)
    fill(world, 2)
    second = audit_trail.page(world.services, ANN, Wanted(), limit=3, cursor=first.next_cursor)
    third = audit_trail.page(world.services, ANN, Wanted(), limit=3, cursor=second.next_cursor)

    ids = [entry.id for page in (first, second, third) for entry in page.entries]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7
    assert third.next_cursor is None


def test_every_filter_keeps_what_it_names(world: World) -> None:
    session_id = world.complete("bob")
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, staff=QUINN)
    fill(world, 3, learner_id="ann")
    now = world.clock()

    def count(**wanted: object) -> int:
        return len(entries(world, **wanted))

    assert count() == 4
    assert count(actor=QUINN.name) == 1
    assert count(action=AuditAction.EXPORT) == 3
    assert count(session_id=session_id) == 1
    assert count(session_id=uuid4()) == 0
    assert count(learner_id="bob") == 1
    assert count(learner_id="ann", actor=QUINN.name) == 0
    assert count(since=now - timedelta(seconds=90)) == 3
    assert count(until=now - timedelta(seconds=90)) == 1
    assert audit_trail.of_session(world.services, ANN, session_id)[0].action is AuditAction.RERUN


def test_a_cursor_that_no_page_gave_is_refused(world: World) -> None:
    for cursor in ("", "x", "-1", "1.5", "٣", "9" * 30, "1; DROP TABLE"):
        with pytest.raises(InvalidInput, match="cursor"):
            audit_trail.page(world.services, ANN, Wanted(), cursor=cursor)


def test_only_admins_read_the_audit(world: World) -> None:
    for staff in (CORA, QUINN):
        with pytest.raises(Forbidden):
            audit_trail.page(world.services, staff, Wanted())
        with pytest.raises(Forbidden):
            audit_trail.of_session(world.services, staff, uuid4())
        with pytest.raises(Forbidden):
            audit_trail.export(world.services, staff, Wanted())

    assert entries(world) == []


def test_an_export_holds_all_that_match_and_is_an_entry_itself(world: World) -> None:
    fill(world, 3, learner_id='=HYPERLINK("http://x")', reason="@sum, and\na line")
    fill(world, 1, learner_id="ann")

    exported = audit_trail.export(world.services, ANN, Wanted(learner_id='=HYPERLINK("http://x")'))

    rows = list(csv.DictReader(io.StringIO(exported)))
    assert len(rows) == 3
    assert rows[0]["actor"] == CORA.name
    assert rows[0]["role"] == "coach"
    assert rows[0]["action"] == "export"
    # A spreadsheet must not take what somebody typed for a formula.
    assert rows[0]["learner_id"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["reason"] == "'@sum, and\na line"
    last = entries(world)[-1]
    assert (last.actor, last.action, last.detail) == (ANN.name, "export", {"what": "audit"})
