"""An upload whose answer never came is sent again with its key: one session, whatever happened."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import httpx2
import pytest

from pipeline.database.operations import UNPUBLISHED_AFTER
from pipeline.status import Status
from pipeline.storage import PREFIX
from pipeline.sweep import ORPHAN_AFTER, sweep
from tests.faults.backends import Site
from tests.faults.holds import Commit, holding
from tests.faults.traces import everything
from tests.world import World

UPLOAD = Commit("upload", "runs")
"""The last rows of the one transaction that makes a session."""
KEY = "talk-1"


def recordings(world: World) -> set[str]:
    """The sessions whose recordings lie in storage."""
    return {stored.key.removeprefix(PREFIX) for stored in world.services.storage.objects()}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "landed", [True, pytest.param(False, marks=pytest.mark.chaos)], ids=["after", "before"]
)
def test_an_upload_whose_backend_was_killed_at_its_commit_is_one_session_when_sent_again(
    site: Site,
    landed: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Before: nothing but an orphan in storage. After: a session that nobody published."""
    kept = recordings(site.world)
    with (
        ThreadPoolExecutor(1) as pool,
        holding(site.world.services.settings, UPLOAD, landed=landed) as hold,
    ):
        first = pool.submit(site.backend.now.upload, key=KEY)
        hold.wait()
        site.backend.kill()
        assert isinstance(first.exception(), httpx2.TransportError)
        hold.let_go()
        hold.remove()
    again = site.backend.start().upload(key=KEY)

    assert again.status_code == (200 if landed else 201)
    assert len(everything(site.world)["sessions"]) == 1
    session_id = UUID(again.json()["id"])
    if landed:
        site.world.clock.move(seconds=UNPUBLISHED_AFTER.total_seconds())
        assert sweep(site.world.services).published == 1
    site.wait_for(session_id, Status.COMPLETED)
    site.world.clock.move(seconds=ORPHAN_AFTER.total_seconds() + 60)
    sweep(site.world.services)
    assert recordings(site.world) <= kept


@pytest.mark.chaos
@pytest.mark.timeout(60)
def test_an_upload_whose_answer_was_not_waited_for_is_one_session_when_sent_again(
    site: Site,
) -> None:
    """The client gives up while the commit is on its way; it lands all the same."""
    live = site.backend.now
    with holding(site.world.services.settings, UPLOAD, landed=True) as hold:
        with (
            httpx2.Client(base_url=live.url, timeout=1.5, trust_env=False) as impatient,
            pytest.raises(httpx2.ReadTimeout),
        ):
            replace(live, client=impatient).upload(key=KEY)
        hold.wait()
        with ThreadPoolExecutor(1) as pool:
            again = pool.submit(live.upload, key=KEY)
            hold.let_go()
            answer = again.result()
        hold.remove()

    assert answer.status_code == 200
    (session,) = everything(site.world)["sessions"]
    assert session["id"] == answer.json()["id"]
    site.wait_for(UUID(session["id"]), Status.COMPLETED)
