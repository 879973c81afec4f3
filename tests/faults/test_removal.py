"""A session is deleted, or its learner erased, while a worker writes: nothing of it remains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from uuid import UUID

import pytest

from pipeline import removal
from pipeline.errors import AudioMissing, NotFound
from pipeline.process import Done
from tests.faults.holds import COMMITS, COMPLETION, TRANSCRIPT, Commit, meanwhile
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
    session_id = world.upload("ann")

    working = meanwhile(world, commit, session_id, lambda: remove(world, session_id))

    _ends_without_a_fault_of_ours(working)
    assert not any(everything(world).values())
    assert not world.is_stored(session_id)
    assert_profiles_are_exact(world)


def _ends_without_a_fault_of_ours(working: Future[Done]) -> None:
    """It was done just before, or notices: the session is gone, or its recording is."""
    error = working.exception()
    assert error is None or isinstance(error, (NotFound, AudioMissing)), repr(error)
