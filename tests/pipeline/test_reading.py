"""What reading one session costs, and what it shows of its newest results."""

from __future__ import annotations

from pipeline import intake, review
from pipeline.status import Scope
from tests.rows import statements
from tests.world import World

MOST = 6
"""The session with its result, the focus before it, insights, metrics, runs, events."""


def test_a_session_is_read_by_few_statements_however_much_became_of_it(world: World) -> None:
    def number() -> int:
        with statements(world.services.engine) as seen:
            review.session_detail(world.services, session_id)
        return len(seen)

    world.complete("learner-1")
    session_id = world.complete("learner-1")
    of_one_run = number()
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    world.deliver(session_id)

    assert of_one_run <= MOST
    assert number() == of_one_run
