"""A session is deleted, or its learner erased, while a worker writes: nothing of it remains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline import removal
from pipeline.database.engine import transaction
from pipeline.errors import AudioMissing, NotFound
from pipeline.process import Done
from tests.backend.live import eventually
from tests.faults.holds import COMMITS, COMPLETION, TRANSCRIPT, Commit, holding
from tests.faults.traces import assert_profiles_are_exact, everything
from tests.world import World

Removal = Callable[[World, UUID], None]
QUICK = {TRANSCRIPT, COMPLETION}


def delete(world: World, session_id: UUID) -> None:
    removal.delete_session(world.services, session_id)


def erase(world: World, _session_id: UUID) -> None:
    removal.erase_learner(world.services, "ann")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("remove", [delete, erase])
@pytest.mark.parametrize(
    "commit",
    [
        pytest.param(commit, id=commit.name, marks=() if commit in QUICK else pytest.mark.chaos)
        for commit in COMMITS
    ],
)
def test_what_is_removed_while_a_worker_writes_leaves_nothing(
    world: World, commit: Commit, remove: Removal
) -> None:
    """The worker is inside its transaction; whoever removes waits for it, or is first."""
    session_id = world.upload("ann")
    with (
        ThreadPoolExecutor(2) as pool,
        holding(world.services.settings, commit, landed=False) as hold,
    ):
        working = pool.submit(world.deliver, session_id)
        hold.wait()
        removing = pool.submit(remove, world, session_id)
        eventually(lambda: removing.done() or somebody_waits_for_a_row(world))
        hold.let_go()
        removing.result()
        _ends_without_a_fault_of_ours(working)
        hold.remove()

    assert not any(everything(world).values())
    assert not world.is_stored(session_id)
    assert_profiles_are_exact(world)


def _ends_without_a_fault_of_ours(working: Future[Done]) -> None:
    """It was done just before, or notices: the session is gone, or its recording is."""
    error = working.exception()
    assert error is None or isinstance(error, (NotFound, AudioMissing)), repr(error)


def somebody_waits_for_a_row(world: World) -> bool:
    """Whether a transaction waits for another one's row."""
    with transaction(world.services.engine) as db:
        waiting = db.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND wait_event <> 'advisory'"
            )
        )
    return bool(waiting)
