"""Words that a run needs still, and that their learner does not agree to have stored."""

from __future__ import annotations

from pipeline import consenting
from pipeline.consent import Consents
from tests.dashboard.screen import Open, words
from tests.pipeline.failed import unread
from tests.talks import LINES
from tests.world import World


def test_words_that_must_not_stay_are_not_shown_while_a_run_needs_them(
    world: World, screen: Open
) -> None:
    session_id = unread(world, retried=0)
    agreed = Consents(transcript_storage=False)
    consenting.write(world.services, "learner-1", agreed)

    page = screen("session", id=str(session_id))

    assert "they are not shown, and go when it ends" in [info.value for info in page.info][-1]
    assert LINES[0] not in words(page)
    assert "as soon as it was transcribed" in words(page)
