"""The heartbeat: renews a lease from its own thread while the work goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.database.leases import Lease
from pipeline.errors import DatabaseUnavailable
from pipeline.services import Services

BEATS_PER_LEASE = 3
"""Two beats may fail before the lease runs out."""

log = logging.getLogger(__name__)


@contextmanager
def beating(services: Services, lease: Lease) -> Iterator[None]:
    """Keep the lease alive during the block.

    A lease that was lost is not reported here: the next guarded write finds out.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(services, lease, stop), name="heartbeat", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(services: Services, lease: Lease, stop: threading.Event) -> None:
    seconds = services.settings.lease_seconds
    while not stop.wait(seconds / BEATS_PER_LEASE):
        try:
            with transaction(services.engine) as db:
                renewed = leases.renew(db, lease, lease_seconds=seconds, now=services.now())
        except DatabaseUnavailable:
            log.warning("heartbeat_missed", extra={"session": str(lease.session_id)})
            continue
        if not renewed:
            return
