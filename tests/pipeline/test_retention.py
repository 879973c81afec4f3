"""How long words and sessions stay: until their time is up, and not longer."""

from __future__ import annotations

from uuid import UUID

from pipeline import review
from pipeline.consent import Removal
from pipeline.sweep import sweep
from tests.pipeline.failed import silent, unread
from tests.world import World

LEARNER = "learner-1"


def test_words_go_when_their_time_is_up(world: World) -> None:
    kept = world.with_settings(transcript_retention_days=30)
    session_id, failed = kept.complete(), unread(kept)
    kept.clock.move(days=29)
    assert sweep(kept.services).words_removed == 0
    kept.clock.move(days=2)
    fresh = kept.complete("bob")

    assert sweep(kept.services).words_removed == 2
    assert sweep(kept.services).words_removed == 0
    for old in (session_id, failed):
        assert world.detail(old).row.transcript_removed_because is Removal.RETENTION
    assert world.detail(fresh).transcript is not None
    assert sweep(world.services).words_removed == 0, "without the setting they stay"


def test_finished_sessions_go_when_their_time_is_up(world: World) -> None:
    kept = world.with_settings(session_retention_days=90)
    finished: list[UUID] = [kept.complete(), silent(kept)]
    waiting = kept.upload()
    kept.clock.move(days=91)

    report = sweep(kept.services)

    assert (report.sessions_deleted, sweep(kept.services).sessions_deleted) == (2, 0)
    left = [row.id for row in review.list_sessions(world.services).sessions]
    assert left == [waiting]
    assert not any(world.is_stored(session_id) for session_id in finished)
    assert review.profile(world.services, LEARNER).patterns == ()
