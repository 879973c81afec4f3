"""What is measured: one Postgres, one storage, vendors of a fixed latency, and backends on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.usage import BACKEND
from benchmarks.stores import running_stores
from pipeline.services import Services
from pipeline.settings import Settings
from tests.backend.live import Live, running_backend
from tests.standins import running
from tests.world import with_changes

VENDOR_SECONDS = 0.3
"""What each vendor takes for an answer."""


@dataclass
class Parts:
    """All but the backends, which are started anew for each measurement."""

    settings: Settings
    services: Services
    folder: Path
    pids: dict[str, int]
    """By part."""
    started: int = 0
    """Backends so far."""

    @contextmanager
    def backends(self, number: int, *, at_once: int) -> Iterator[list[Live]]:
        """So many processes on the one database, behind the one `APP_URL`.

        Each may do `at_once` deliveries at once. The first answers at the address itself, where
        the queue calls; a load balancer would hand the calls to all.
        """
        settings = with_changes(self.settings, pipeline_parallelism=at_once)
        port = int(settings.app_url.rpartition(":")[2])
        with ExitStack() as opened:
            found = []
            for place in range(number):
                self.started += 1
                backend = running_backend(
                    settings,
                    self.folder / f"backend-{self.started}.log",
                    port=port if place == 0 else None,
                    APP_URL=settings.app_url,
                )
                found.append(opened.enter_context(backend))
            yield found

    def watched(self, backends: list[Live]) -> dict[str, int]:
        """The processes of all parts, by name."""
        return self.pids | {f"{BACKEND} {n}": live.pid for n, live in enumerate(backends, 1)}


@contextmanager
def parts(*, vendor_seconds: float, at_once: int = 8) -> Iterator[Parts]:
    """Start them; the queue lets `at_once` deliveries through."""
    with ExitStack() as opened:
        enter = opened.enter_context
        stores = enter(running_stores())
        vendors = enter(
            running(
                "benchmarks.instant_vendors",
                f"--seconds={vendor_seconds}",
                log=stores.folder / "vendors.log",
                started=stores.pids.named("vendors"),
            )
        )
        settings = stores.settings(
            whisper_url=vendors.url,
            analyst_url=vendors.url,
            pipeline_parallelism=at_once,
            prepare_at_start=True,
        )
        services = Services(settings)
        opened.callback(services.close)
        yield Parts(settings, services, stores.folder, stores.pids.by_part)
