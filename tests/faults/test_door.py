"""The door in front of the storage changes nothing by itself, and breaks what it is told to."""

from __future__ import annotations

import pytest

from pipeline.errors import AudioMissing, StorageUnavailable
from pipeline.status import Status
from tests.standins import StandIn
from tests.world import World


def test_a_session_goes_through_the_door_unchanged(doored: World, storage_door: StandIn) -> None:
    session_id = doored.complete()

    assert doored.detail(session_id).row.status is Status.COMPLETED
    assert {call["method"] for call in storage_door.calls()} >= {"PUT", "GET", "DELETE"}


def test_a_lost_answer_is_work_done_that_nobody_hears_of(
    doored: World, storage_door: StandIn
) -> None:
    session_id = doored.upload()
    storage_door.misbehave({"kind": "lose", "method": "DELETE", "times": None})

    with pytest.raises(StorageUnavailable):
        doored.services.storage.delete(f"audio/{session_id}")

    assert not doored.is_stored(session_id)


def test_a_share_of_the_calls_is_drawn_alike_by_the_same_seed(
    doored: World, storage_door: StandIn
) -> None:
    fault = {"kind": "answer", "status": 403, "method": "HEAD", "times": None, "share": 0.5}

    def drawn(seed: int) -> list[bool]:
        storage_door.misbehave({**fault, "seed": seed})
        return [_fails(doored) for _ in range(20)]

    first = drawn(1)
    assert 0 < sum(first) < 20
    assert drawn(1) == first
    assert drawn(2) != first


def _fails(world: World) -> bool:
    """Whether a look at an object that is not there meets the fault instead."""
    try:
        world.services.storage.size("audio/not-there")
    except StorageUnavailable:
        return True
    except AudioMissing:
        return False
    return False
