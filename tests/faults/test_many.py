"""Five hundred sessions in bad weather, with one kill: none lost, none doubled, all accounted for.

`make chaos SEED=n` prints the table and leaves it in `test-artifacts/`.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from pipeline.database.engine import transaction
from pipeline.session import SessionRow
from pipeline.status import Status
from pipeline.storage import PREFIX
from tests.backend.live import Live
from tests.faults import weather
from tests.faults.backends import Site, completed, sweep_until_nothing_moves, undelivered
from tests.faults.traces import assert_profiles_are_exact, trace
from tests.faults.weather import Lightning, Met, by_chance
from tests.standins import StandIn
from tests.talks import LINES, tone, verbose_json
from tests.world import World

SEED = int(os.environ.get("CHAOS_SEED", "1"))
LEARNERS, TALKS_EACH = 50, 10
SESSIONS = LEARNERS * TALKS_EACH
TALK = tone(0.6)
UPLOADERS = 3
PARALLELISM = 8
LEASE_SECONDS = 6
RETRY_DELAY = "1000 * pow(3, retried)"
"""1, 3 and 9 s: longer in all than a backend takes to come back."""
LONGEST_SECONDS = 540
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
RESULTS = ("transcripts", "analyses", "insights", "metrics")


@pytest.fixture
def site(world: World, storage_door: StandIn, qstash: StandIn, tmp_path: Path) -> Iterator[Site]:
    """A backend in bad weather, whose storage is behind the door."""
    made = Site.at(
        world,
        qstash,
        tmp_path / "backend.log",
        r2_endpoint_url=storage_door.url,
        queue_retry_delay=RETRY_DELAY,
        lease_seconds=LEASE_SECONDS,
        pipeline_parallelism=PARALLELISM,
    )
    made.backend.start()
    yield made
    made.backend.stop()


@pytest.mark.chaos
@pytest.mark.timeout(LONGEST_SECONDS + 60)
def test_of_five_hundred_sessions_in_bad_weather_none_is_lost_and_none_counts_twice(
    world: World,
    site: Site,
    storage_door: StandIn,
    empty_database_url: str,
    report: Callable[[str], None],
) -> None:
    begun = time.monotonic()
    undisturbed = trace(world, world.complete("undisturbed", audio=TALK))
    for part in (world.whisper, world.analyst, storage_door):
        part.behave()
    dice = random.Random(SEED)  # noqa: S311 - chance for a test, not a secret
    heard = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
    world.whisper.misbehave(*by_chance(weather.WHISPER, dice), heard)
    world.analyst.misbehave(*by_chance(weather.ANALYST, dice))
    storage_door.misbehave(*by_chance(weather.STORAGE, dice))
    site.queue.misbehave(*by_chance(weather.QUEUE, dice))
    lightning = Lightning(site.world.services.settings, dice)

    with ThreadPoolExecutor(UPLOADERS) as pool:
        upload = uploader(site)
        uploads = [pool.submit(upload, number) for number in range(SESSIONS)]
        _kill_once(site, lightning, dice)
        _wait_until_idle(site, empty_database_url, lightning, dice, uploads)
        session_ids = [uploaded.result() for uploaded in uploads]
    sweeps = sweep_until_nothing_moves(site, empty_database_url)

    rows = [world.detail(session_id).row for session_id in session_ids]
    vendors = {
        "whisper": Met.by(world.whisper),
        "analyst": Met.by(world.analyst),
        "storage": Met.by(storage_door),
        "publishing": Met.by(site.queue, path="/v2/publish"),
    }
    measured: dict[str, Any] = {
        "seed": SEED,
        "sessions": len(set(session_ids)),
        "outcomes": _outcomes(rows),
        "retries": sum(row.attempts for row in rows) - SESSIONS,
        "vendors": {name: asdict(met) for name, met in vendors.items()},
        "connections_cut": lightning.strikes,
        "kills": 1,
        "sweeps": sweeps,
        "seconds": round(time.monotonic() - begun),
    }
    report(_table(measured))
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / f"chaos-{SEED}.json").write_text(json.dumps(measured, indent=2))

    assert len(set(session_ids)) == SESSIONS
    assert _sessions_of_the_test(world) == set(session_ids), "an upload made two"
    _assert_each_ended_well_or_with_a_code(world, rows)
    _assert_results_stand_once(world, rows, undisturbed)
    # An answer is lost by the kill to whoever waited for it, and by a connection that was cut.
    most_lost = PARALLELISM + lightning.strikes
    assert vendors["whisper"].answered <= _count(world, "transcripts") + most_lost
    assert vendors["analyst"].answered <= _count(world, "analyses") + most_lost
    written = site.backend.now.log.read_text()
    assert not [line for line in LINES if line[:20] in written], "what was said is in the log"
    assert time.monotonic() - begun < LONGEST_SECONDS


def _assert_each_ended_well_or_with_a_code(world: World, rows: list[SessionRow]) -> None:
    done = [row for row in rows if row.status is Status.COMPLETED]
    failed = [row for row in rows if row.status is Status.FAILED]
    assert len(done) + len(failed) == SESSIONS
    assert len(done) > SESSIONS * 0.9
    assert all(row.error and row.error.code and not row.error.will_retry for row in failed)
    assert all(row.audio_deleted_at for row in done)
    assert _stored(world) <= {row.id for row in failed}


def _assert_results_stand_once(
    world: World, rows: list[SessionRow], undisturbed: dict[str, list[Any]]
) -> None:
    """Those of each completed session are just what one that nothing disturbed has."""
    for row in rows:
        if row.status is Status.COMPLETED:
            left = trace(world, row.id)
            assert {name: left[name] for name in RESULTS} == {
                name: undisturbed[name] for name in RESULTS
            }
    assert_profiles_are_exact(world)


def uploader(site: Site) -> Callable[[int], UUID]:
    """Uploads one talk, as an app that keeps trying until it is told that all is well."""
    address = site.world.services.settings.app_url

    def upload(number: int) -> UUID:
        key, learner = f"talk-{number}", f"learner-{number % LEARNERS}"
        with httpx2.Client(base_url=address, timeout=30, trust_env=False) as client:
            app: Live = replace(site.backend.now, client=client)
            while True:
                try:
                    answer = app.upload(TALK, user_id=learner, key=key)
                except httpx2.TransportError:
                    # The backend was killed, or is not back yet.
                    time.sleep(0.5)
                    continue
                if answer.is_success:
                    return UUID(answer.json()["id"])
                assert answer.status_code in {500, 503}, answer.text
                time.sleep(0.1)

    return upload


def _storm(site: Site, lightning: Lightning, dice: random.Random) -> None:
    """A moment in which a connection may be cut and the queue may forget or repeat."""
    if dice.random() < 0.3:
        lightning.strike()
    twice, forgotten = dice.randrange(3), dice.randrange(3)
    site.queue.switch("/_deliveries", {"deliver_twice": twice, "forget_answer": forgotten})
    time.sleep(0.5)


def _kill_once(site: Site, lightning: Lightning, dice: random.Random) -> None:
    """`kill -9` in the middle of it all."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while completed(site.world) < SESSIONS // 2:
        assert time.monotonic() < deadline
        _storm(site, lightning, dice)
    site.backend.restart()


def _wait_until_idle(
    site: Site,
    queue_url: str,
    lightning: Lightning,
    dice: random.Random,
    uploads: list[Future[UUID]],
) -> None:
    """Until everything was uploaded and the queue has nothing more to bring."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not all(uploaded.done() for uploaded in uploads) or undelivered(queue_url):
        assert time.monotonic() < deadline
        _storm(site, lightning, dice)


def _count(world: World, what: str) -> int:
    with transaction(world.services.engine) as db:
        return int(db.scalar(text(f"SELECT count(*) FROM {what}")) or 0)  # noqa: S608 - our own words


def _sessions_of_the_test(world: World) -> set[UUID]:
    with transaction(world.services.engine) as db:
        return set(db.scalars(text("SELECT id FROM sessions WHERE learner_id LIKE 'learner-%'")))


def _stored(world: World) -> set[UUID]:
    """The sessions whose recordings lie in storage."""
    return {UUID(stored.key.removeprefix(PREFIX)) for stored in world.services.storage.objects()}


def _outcomes(rows: list[SessionRow]) -> dict[str, int]:
    """How many sessions ended how: completed, or failed by which code."""
    return dict(Counter(row.error.code if row.error else str(row.status) for row in rows))


def _table(measured: dict[str, Any]) -> str:
    """The same for people: a line for each figure."""
    lines = []
    for name, value in measured.items():
        if name != "vendors":
            shown = value if isinstance(value, dict) else {"": value}
            lines += [(f"{name} {kind}".strip(), number) for kind, number in shown.items()]
    for vendor, met in measured["vendors"].items():
        lines.append((f"calls of {vendor}", met["calls"]))
        lines += [(f"  met {kind}", number) for kind, number in sorted(met["faults"].items())]
    return "\n".join(f"{name:<32}{number:>8}" for name, number in lines)
