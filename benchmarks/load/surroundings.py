"""The parts that are put under load: those of the local stack, its vendors with a fixed latency."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, func, select

from benchmarks.instant_vendors import HEARD
from benchmarks.load.usage import DASHBOARD
from benchmarks.stores import running_stores
from local.child import Started
from pipeline import removal
from pipeline.database.engine import transaction
from pipeline.database.models import Run, SpeakingSession
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.status import Status
from seeding.fill import fill
from tests.backend.live import Live, environment, running_backend
from tests.dashboard.live import running_dashboard
from tests.standins import MODELS, StandIn, running
from tests.talks import verbose_json
from tests.world import with_changes

ROOT = Path(__file__).parents[2]
TALK = ROOT / "samples" / "sample.ogg"
"""89 seconds of speech."""
VENDOR_SECONDS = 0.3
"""What each vendor takes for an answer."""
TOKEN = "load-token"  # noqa: S105 - of a server that lives for minutes on loopback


@dataclass
class Surroundings:
    """All but the backend, which is started anew for each number of deliveries at once."""

    settings: Settings
    services: Services
    whisper: StandIn
    analyst: StandIn
    dashboard_url: str
    folder: Path
    pids: dict[str, int]
    """By part."""

    @contextmanager
    def backend(self, *, at_once: int) -> Iterator[Live]:
        """A backend as production runs it: one process, so many deliveries at once."""
        settings = with_changes(self.settings, pipeline_parallelism=at_once)
        port = int(settings.app_url.rpartition(":")[2])
        log = self.folder / f"backend-{at_once}-{time.monotonic_ns()}.log"
        with running_backend(settings, log, port=port) as live:
            yield live

    def reset_vendors(self) -> None:
        """A fixed latency, and no calls remembered."""
        self.whisper.behave()
        self.analyst.behave()
        answer = {"kind": "answer", "status": 200, "body": verbose_json(HEARD)}
        self.whisper.misbehave({**answer, "seconds": VENDOR_SECONDS, "times": None})
        self.analyst.misbehave({"kind": "slow", "seconds": VENDOR_SECONDS, "times": None})

    def outcome(self, learner_prefix: str) -> tuple[dict[Status, int], int]:
        """How many sessions of these learners there are by status, and the attempts they took."""
        ours = SpeakingSession.learner_id.startswith(learner_prefix)
        by_status = select(SpeakingSession.status, func.count()).where(ours)
        attempts = select(func.coalesce(func.sum(Run.attempts), 0)).where(
            Run.session_id == SpeakingSession.id, ours
        )
        with transaction(self.services.engine) as db:
            found = db.execute(by_status.group_by(SpeakingSession.status)).tuples()
            return {Status(status): number for status, number in found}, db.scalars(attempts).one()

    def shown(self, number: int) -> tuple[dict[str, str], ...]:
        """Completed sessions with their learners, for coaches to open."""
        newest = SpeakingSession.created_at.desc()
        completed: ColumnElement[bool] = SpeakingSession.status == Status.COMPLETED
        asked = select(SpeakingSession.id, SpeakingSession.learner_id).where(completed)
        with transaction(self.services.engine) as db:
            rows = db.execute(asked.order_by(newest).limit(number)).tuples()
            return tuple({"session": str(id_), "learner": learner} for id_, learner in rows)


@contextmanager
def surroundings(*, sessions: int) -> Iterator[Surroundings]:
    """Start all of it on a database of so many made-up sessions."""
    with ExitStack() as opened:
        enter = opened.enter_context
        stores = enter(running_stores())
        folder, pids = stores.folder, stores.pids
        whisper = enter(_vendor("local.whisper", folder, started=pids.named("Whisper stand-in")))
        analyst = enter(_vendor("local.analyst", folder, started=pids.named("Claude stand-in")))
        settings = stores.settings(
            whisper_url=whisper.url, analyst_url=analyst.url, api_token=TOKEN
        )
        services = Services(settings)
        opened.callback(services.close)
        if sessions:
            fill(services, sessions=sessions)
            _remove_unfinished(services)
        _schedule_sweeps(settings)
        dashboard = enter(running_dashboard(settings, folder / "dashboard.log"))
        pids.by_part[DASHBOARD] = dashboard.pid
        made = Surroundings(
            settings, services, whisper, analyst, dashboard.url, folder, pids.by_part
        )
        made.reset_vendors()
        yield made


def _remove_unfinished(services: Services) -> None:
    """Nothing made-up waits for the queue: all deliveries are those of the load."""
    unfinished = select(SpeakingSession.id).where(SpeakingSession.status != Status.COMPLETED)
    with transaction(services.engine) as db:
        found = list(db.scalars(unfinished))
    for session_id in found:
        removal.delete_session(services, session_id)


@contextmanager
def _vendor(module: str, folder: Path, *, started: Started) -> Iterator[StandIn]:
    # The speech model is never loaded: no call reaches it.
    options = ["--data-dir", str(MODELS)] if module == "local.whisper" else []
    log = folder / f"{module}.log"
    with running(module, *options, log=log, started=started, WHISPER_LAZY="1") as standin:
        yield standin


def _schedule_sweeps(settings: Settings) -> None:
    """Each minute, as in production."""
    subprocess.run(
        [sys.executable, "-m", "pipeline.schedule"],
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment(settings)},
        stdout=subprocess.DEVNULL,
    )
