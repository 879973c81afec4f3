"""Messages that come twice, late or all at once, and workers that wake up too late."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from pipeline import intake
from pipeline.queue import RETRIES
from pipeline.status import Outcome, Scope, Stage, Status
from tests.backend.api import Api, problem
from tests.backend.live import Live, eventually
from tests.faults.backends import LEASE_SECONDS, Server, Site, backend_at, own_address
from tests.faults.holds import TRANSCRIPT, holding
from tests.faults.traces import assert_profiles_are_exact, everything, trace
from tests.local.queueing import sdk
from tests.standins import StandIn
from tests.talks import verbose_json
from tests.world import World

DONE = {"ok": True, "status": "COMPLETED"}
DUPLICATE = {"ok": True, "duplicate": True}
LATE = {"Upstash-Retried": "1"}


def heard_after(seconds: float) -> dict[str, object]:
    """Whisper takes its time for each answer."""
    heard = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
    return {**heard, "seconds": seconds}


def test_a_message_that_comes_three_times_is_worked_on_once(world: World, api: Api) -> None:
    session_id = world.upload()

    first = api.process(session_id)
    before = everything(world)
    again = [api.process(session_id) for _ in range(2)]

    assert (first.status_code, first.json()) == (200, DONE)
    assert [(answer.status_code, answer.json()) for answer in again] == [(200, DUPLICATE)] * 2
    assert everything(world) == before
    assert (len(world.whisper.calls()), len(world.analyst.calls())) == (1, 1)


def test_of_eight_deliveries_at_once_one_works_and_the_others_are_sent_away(
    world: World, live: Live
) -> None:
    undisturbed = world.complete("undisturbed")
    session_id = world.upload("disturbed")
    world.whisper.misbehave(heard_after(1.0))
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(live.process, session_id) for _ in range(8)]
        answers = [each.result() for each in sent]

    (done,) = [answer for answer in answers if answer.json() == DONE]
    assert done.status_code == 200
    for answer in answers:
        if answer.json() not in (DONE, DUPLICATE):
            assert problem(answer) == (503, "LEASE_HELD")
            assert 1 <= int(answer.headers["retry-after"]) <= world.services.settings.lease_seconds
    assert trace(world, session_id) == trace(world, undisturbed)
    assert world.detail(session_id).runs[0].attempts == 1
    assert (len(world.whisper.calls()), len(world.analyst.calls())) == (2, 2)


@pytest.mark.chaos
@pytest.mark.timeout(90)
def test_fifty_mixed_deliveries_of_ten_sessions_complete_each_once(
    world: World, live: Live
) -> None:
    """Five learners with two sessions each, so that profiles are derived at once, too."""
    session_ids = [world.upload(f"learner-{number % 5}") for number in range(10)]
    messages = session_ids * 5
    random.Random(3).shuffle(messages)  # noqa: S311 - an order for a test, not a secret
    world.whisper.misbehave(heard_after(0.2))
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(live.process, messages))

    told = Counter(_told(answer) for answer in answers)
    assert told["COMPLETED"] == 10
    assert set(told) <= {"COMPLETED", "DUPLICATE", "LEASE_HELD"}
    assert [live.process(session_id).json() for session_id in session_ids] == [DUPLICATE] * 10
    assert {world.detail(session_id).row.status for session_id in session_ids} == {Status.COMPLETED}
    assert [world.detail(session_id).runs[0].attempts for session_id in session_ids] == [1] * 10
    assert (len(world.whisper.calls()), len(world.analyst.calls())) == (10, 10)
    assert_profiles_are_exact(world)


def _told(answer: httpx2.Response) -> str:
    body = answer.json()
    return str(body.get("code") or body.get("status") or "DUPLICATE")


def test_a_late_retry_of_an_older_run_changes_nothing(world: World, api: Api) -> None:
    """Run 1 failed and awaits its retry; a person asks for run 2, which completes."""
    session_id = world.upload()
    world.analyst.misbehave({"kind": "answer", "status": 503, "body": {}})
    first_run = world.detail(session_id).runs[0].id
    assert api.process(session_id, first_run).status_code == 503
    second_run = intake.rerun(
        world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa@example.org"
    )
    assert api.process(session_id, second_run).json() == DONE
    before = everything(world)

    late = api.process(session_id, first_run, headers=LATE)

    assert (late.status_code, late.json()) == (200, DUPLICATE)
    assert everything(world) == before
    outcomes = [run.outcome for run in world.detail(session_id).runs]
    assert outcomes == [Outcome.SUPERSEDED, Outcome.COMPLETED]


@pytest.mark.chaos
@pytest.mark.timeout(90)
@pytest.mark.parametrize("mischief", ["deliver_twice", "forget_answer"])
def test_a_queue_that_delivers_once_more_after_success_changes_nothing(
    world: World, qstash: StandIn, tmp_path: Path, mischief: str
) -> None:
    undisturbed = world.complete("undisturbed")
    site = Site.at(world, qstash, tmp_path / "backend.log", queue_retry_delay="100")
    qstash.switch("/_deliveries", {mischief: 2})
    live = site.backend.start()
    try:
        session_id = site.world.upload("disturbed")
        eventually(lambda: len(_deliveries(live)) == 3)
        codes = _deliveries(live)
    finally:
        site.backend.stop()

    assert codes == ["COMPLETED", "DUPLICATE", "DUPLICATE"]
    assert trace(world, session_id) == trace(world, undisturbed)
    assert world.detail(session_id).runs[0].attempts == 1
    assert (len(world.whisper.calls()), len(world.analyst.calls())) == (2, 2)


def _deliveries(live: Live) -> list[str]:
    """How each delivery was answered."""
    route = "/api/internal/process"
    return [line["code"] for line in live.lines() if line.get("route") == route]


@pytest.fixture
def two_workers(world: World, tmp_path: Path) -> Iterator[tuple[Server[Live], Server[Live]]]:
    """Two backends on one database, with short leases."""
    first, second = (_worker(world, tmp_path / name) for name in ("first.log", "second.log"))
    first.start()
    second.start()
    yield first, second
    first.resume()
    first.stop()
    second.stop()


def _worker(world: World, log: Path) -> Server[Live]:
    placed = world.with_settings(lease_seconds=LEASE_SECONDS, app_url=own_address())
    return backend_at(placed.services.settings, log)


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    "stage",
    [Stage.TRANSCRIBING, pytest.param(Stage.ANALYZING, marks=pytest.mark.chaos)],
)
def test_a_worker_that_was_paused_beyond_its_lease_writes_nothing_when_it_wakes_up(
    world: World, two_workers: tuple[Server[Live], Server[Live]], stage: Stage
) -> None:
    """SIGSTOP while a vendor is waited for; another worker finishes; SIGCONT."""
    first, second = two_workers
    undisturbed = world.complete("undisturbed")
    session_id = world.upload("disturbed")
    if stage is Stage.TRANSCRIBING:
        vendor = world.whisper
        vendor.misbehave({**heard_after(1), "times": 1}, heard_after(0))
    else:
        vendor = world.analyst
        vendor.misbehave({"kind": "slow", "seconds": 1})
    before_it = len(vendor.calls())
    with ThreadPoolExecutor(1) as pool:
        sleeper: Future[httpx2.Response] = pool.submit(first.now.process, session_id)
        eventually(lambda: len(vendor.calls()) > before_it)
        first.pause()
        eventually(lambda: _completes(second.now, session_id))
        before = everything(world)
        first.resume()
        woken = sleeper.result()

    assert everything(world) == before
    assert problem(woken) == (503, "LEASE_HELD")
    assert trace(world, session_id) == trace(world, undisturbed)
    assert world.detail(session_id).runs[0].attempts == 2


@pytest.mark.chaos
@pytest.mark.timeout(90)
def test_a_worker_that_was_paused_inside_a_transaction_does_not_lock_others_out(
    world: World, two_workers: tuple[Server[Live], Server[Live]]
) -> None:
    """It holds the session's row, and Postgres ends its transaction before others give up."""
    first, second = two_workers
    undisturbed = world.complete("undisturbed")
    session_id = world.upload("disturbed")
    with (
        ThreadPoolExecutor(1) as pool,
        holding(world.services.settings, TRANSCRIPT, landed=False) as hold,
    ):
        sleeper: Future[httpx2.Response] = pool.submit(first.now.process, session_id)
        hold.wait()
        first.pause()
        hold.let_go()
        eventually(lambda: _completes(second.now, session_id))
        hold.remove()
        before = everything(world)
        first.resume()
        woken = sleeper.result()

    assert everything(world) == before
    assert woken.status_code == 503
    assert trace(world, session_id) == trace(world, undisturbed)


def _completes(live: Live, session_id: UUID) -> bool:
    """Deliver, as the queue would; False while another worker holds the lease."""
    answer = live.process(session_id, retried=1)
    if answer.status_code == 200:
        assert answer.json() == DONE
        return True
    assert problem(answer) == (503, "LEASE_HELD")
    return False


@pytest.mark.chaos
@pytest.mark.timeout(90)
def test_a_retry_that_meets_a_dead_workers_lease_is_told_to_wait_and_retries_are_left(
    world: World, qstash: StandIn, tmp_path: Path
) -> None:
    """A lease longer than the retry delay costs one retry: the next waits for what is left."""
    site = Site.at(
        world, qstash, tmp_path / "backend.log", lease_seconds=12, queue_retry_delay="5000"
    )
    world.whisper.misbehave({"kind": "hang"}, heard_after(0))
    site.backend.start()
    try:
        session_id = site.world.upload()
        eventually(world.whisper.calls)
        site.backend.kill()
        live = site.backend.start()
        site.wait_for(session_id, Status.COMPLETED, seconds=30)
        codes = eventually(lambda: _told_to_wait_and_done(live))
    finally:
        site.backend.stop()

    assert codes == ["LEASE_HELD", "COMPLETED"]
    assert _retries(qstash) == 2 < RETRIES
    assert world.detail(session_id).runs[0].attempts == 2


def _told_to_wait_and_done(live: Live) -> list[str]:
    codes = _deliveries(live)
    return codes if "COMPLETED" in codes else []


def _retries(qstash: StandIn) -> int:
    """How often the queue put a message off."""
    with sdk(qstash.url) as client:
        return sum(event.state.value == "RETRY" for event in client.log.list().logs)
