"""How the server stops: no new delivery, a grace for those under way, then their leases back.

Uvicorn by itself waits for whatever is under way, and deliveries take minutes.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.watch import Watches

SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


@contextmanager
def stopping_gracefully(watches: Watches, *, grace_seconds: float) -> Iterator[None]:
    """During the block, a signal to stop closes the watches before the server hears of it."""
    if threading.current_thread() is not threading.main_thread():
        # An application inside another program: signals are that program's.
        yield
        return
    known = {number: signal.getsignal(number) for number in SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        # In a thread: a handler may interrupt whoever holds the lock that it would wait for.
        threading.Thread(target=_close, args=(watches, grace_seconds), daemon=True).start()
        servers = known[signal.Signals(number)]
        if callable(servers):
            servers(number, frame)

    for number in SIGNALS:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)


def _close(watches: Watches, grace_seconds: float) -> None:
    log.info("stopping", extra={"grace_seconds": grace_seconds})
    watches.close()
    threading.Event().wait(grace_seconds)
    watches.interrupt()
