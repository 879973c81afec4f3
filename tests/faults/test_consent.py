"""A consent is taken back while a worker writes: whatever it was about to keep does not stay."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import consenting
from pipeline.consent import Consents
from pipeline.status import Status
from tests.faults.holds import COMMITS, COMPLETION, STORING, TRANSCRIPT, Commit, meanwhile
from tests.faults.traces import everything
from tests.pipeline.test_consent import NO_WORDS, agree, quoting, shown_of
from tests.verbatim import quotes, verbatim
from tests.world import World

QUICK = {TRANSCRIPT, STORING, COMPLETION}
NOTHING = Consents(audio_storage=False, transcript_storage=False, pattern_tracking=False)


at_each_commit = pytest.mark.parametrize(
    "commit",
    [
        pytest.param(commit, id=commit.name, marks=() if commit in QUICK else pytest.mark.chaos)
        for commit in COMMITS
    ],
)


@pytest.mark.timeout(60)
@at_each_commit
def test_a_consent_taken_back_while_a_worker_writes_is_obeyed(world: World, commit: Commit) -> None:
    session_id = world.upload("ann")

    working = meanwhile(
        world, commit, session_id, lambda: consenting.write(world.services, "ann", NOTHING)
    )

    assert not working.result().duplicate
    assert world.detail(session_id).row.status is Status.COMPLETED
    assert world.detail(session_id).row.transcript_removed_at is not None
    assert verbatim(world) == set()
    assert everything(world)["pattern_profiles"] == []
    assert not world.is_stored(session_id)


@pytest.mark.timeout(60)
@at_each_commit
def test_words_that_a_worker_needs_are_shown_to_nobody_while_it_works(
    world: World, commit: Commit
) -> None:
    quoting(world)
    agree(world, NO_WORDS)
    session_id = world.upload()
    shown: list[Any] = []

    working = meanwhile(
        world, commit, session_id, lambda: shown.extend(shown_of(world, session_id))
    )

    assert not working.result().duplicate
    assert shown
    assert not quotes(shown)
