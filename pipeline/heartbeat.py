"""The heartbeat: renews a lease from its own thread while the work goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.database.leases import Lease
from pipeline.errors import DatabaseUnavailable
from pipeline.services import Services
from pipeline.watch import Watch

BEATS_PER_LEASE = 3
"""Two beats may fail before the lease runs out."""

log = logging.getLogger(__name__)


@contextmanager
def beating(services: Services, lease: Lease, watch: Watch) -> Iterator[None]:
    """Keep the lease alive during the block; a lease that is lost cuts the watch short."""
    stop = threading.Event()
    thread = threading.Thread(
        # In a copy of the context, so that its log lines name the delivery, too.
        target=copy_context().run,
        args=(_beat, services, lease, watch, stop),
        name="heartbeat",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(services: Services, lease: Lease, watch: Watch, stop: threading.Event) -> None:
    seconds = services.settings.lease_seconds
    while not stop.wait(seconds / BEATS_PER_LEASE):
        try:
            with transaction(services.engine) as db:
                loss = leases.renew(db, lease, lease_seconds=seconds, now=services.now())
        except DatabaseUnavailable:
            log.warning("heartbeat_missed")
            continue
        if loss is not None:
            watch.cut(loss)
            return
