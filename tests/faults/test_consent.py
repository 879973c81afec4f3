"""A consent is taken back while a worker writes: whatever it was about to keep does not stay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline import consenting
from pipeline.consent import Consents
from pipeline.status import Status
from tests.backend.live import eventually
from tests.faults.holds import COMMITS, COMPLETION, TRANSCRIPT, Commit, holding
from tests.faults.test_removal import somebody_waits_for_a_row
from tests.faults.traces import everything
from tests.verbatim import verbatim
from tests.world import World

QUICK = {TRANSCRIPT, COMPLETION}
NOTHING = Consents(audio_storage=False, transcript_storage=False, pattern_tracking=False)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "commit",
    [
        pytest.param(commit, id=commit.name, marks=() if commit in QUICK else pytest.mark.chaos)
        for commit in COMMITS
    ],
)
def test_a_consent_taken_back_while_a_worker_writes_is_obeyed(world: World, commit: Commit) -> None:
    """The worker is inside its transaction; whoever takes it back waits for it, or is first."""
    session_id = world.upload("ann")
    with (
        ThreadPoolExecutor(2) as pool,
        holding(world.services.settings, commit, landed=False) as hold,
    ):
        working = pool.submit(world.deliver, session_id)
        hold.wait()
        changing = pool.submit(consenting.write, world.services, "ann", NOTHING)
        eventually(lambda: changing.done() or somebody_waits_for_a_row(world))
        hold.let_go()
        changing.result()
        working.result()
        hold.remove()

    assert world.detail(session_id).row.status is Status.COMPLETED
    assert world.detail(session_id).row.transcript_removed_at is not None
    assert verbatim(world) == set()
    assert everything(world)["pattern_profiles"] == []
    assert not world.is_stored(session_id)
