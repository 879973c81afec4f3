"""One delivery, top to bottom."""

from __future__ import annotations

from pipeline.status import Status
from tests.world import World


def test_a_delivery_takes_an_uploaded_session_to_completed(world: World) -> None:
    session_id = world.upload(title="My talk")

    done = world.deliver(session_id)

    detail = world.detail(session_id)
    assert not done.duplicate
    assert detail.row.status is Status.COMPLETED
    assert detail.transcript is not None
    assert detail.insights
    assert detail.summary
    assert not world.is_stored(session_id)
