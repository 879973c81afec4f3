"""Sessions that failed, each in its own way."""

from __future__ import annotations

from uuid import UUID

import pytest

from pipeline.errors import AnalysisUnavailable, NoSpeech
from pipeline.queue import RETRIES
from tests.talks import tone, verbose_json
from tests.world import World


def silent(world: World) -> UUID:
    """Nobody spoke: it failed for good, and the recording is held still."""
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    return session_id


def unread(world: World, *, retried: int = RETRIES) -> UUID:
    """It has a transcript, and the analysis was not available; by default the last time."""
    world.says(verbose_json())
    world.analyst.misbehave({"kind": "answer", "status": 500, "body": {}, "times": 1})
    session_id = world.upload()
    with pytest.raises(AnalysisUnavailable):
        world.deliver(session_id, retried=retried)
    return session_id
