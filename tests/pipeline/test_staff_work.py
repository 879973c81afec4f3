"""What staff work rests on: roles, an audit that only grows, one line a result."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from pipeline.database import audit
from pipeline.database.engine import transaction
from pipeline.errors import Forbidden
from pipeline.staff import AuditAction, Role, Staff
from tests.world import World

ANN = Staff("ann@example.com", Role.QA)


def test_each_role_may_do_what_the_one_below_may() -> None:
    ANN.must_be(Role.COACH)
    ANN.must_be(Role.QA)
    with pytest.raises(Forbidden, match="needs the role admin"):
        ANN.must_be(Role.ADMIN)


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log"],
)
def test_the_database_refuses_to_change_the_audit(world: World, change: str) -> None:
    with transaction(world.services.engine) as db:
        audit.record(db, ANN, AuditAction.EXPORT, now=world.clock())

    with (
        pytest.raises(ProgrammingError, match="audit_log only grows"),
        transaction(world.services.engine) as db,
    ):
        db.execute(text(change))

    with transaction(world.services.engine) as db:
        assert db.execute(text("SELECT actor FROM audit_log")).scalars().all() == [ANN.name]


def test_a_result_has_one_line_that_follows_it(world: World) -> None:
    session_id = world.complete()
    detail = world.detail(session_id)

    with transaction(world.services.engine) as db:
        line = db.execute(text("SELECT * FROM result_summaries")).one()

    assert line.session_id == session_id
    assert line.run_id == detail.runs[-1].id
    assert line.words == detail.row.word_count
    assert (line.high, line.medium, line.low) == (
        detail.row.insights_high,
        detail.row.insights_medium,
        detail.row.insights_low,
    )
    assert line.model == detail.runs[-1].model
    assert line.suspect_share == 0
    assert line.evidence_share == 1
