"""The watch over a delivery: waiting for a vendor that ends in time, whatever the vendor does.

A worker that waits is cut short when its time is over, when its lease is lost, and when the
process is to end. `Watches` are those of one process: closing them is how it stops gracefully.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from pipeline.errors import Interrupted, RostrumError, TimedOut

RESTART_SECONDS = 15.0
"""By then a server that was told to stop is back, or another one has taken over."""

T = TypeVar("T")


class Watch:
    """One delivery's: how long it may take, and whether it may still go on."""

    def __init__(self, *, ends_at: float) -> None:
        self._ends_at = ends_at
        self._lock = threading.Lock()
        self._waiting: Future[Any] | None = None
        self._cut: RostrumError | None = None

    def check(self) -> None:
        """Find out whether the delivery may go on.

        Raises:
            TimedOut: its time is over.
            RostrumError: what it was cut short with.
        """
        if self._cut is not None:
            raise self._cut
        if time.monotonic() >= self._ends_at:
            raise TimedOut("The processing took longer than one delivery may.")

    def within(self, seconds: float, what: str, call: Callable[[], T]) -> T:
        """What `call` returns, if it does within `seconds` and within the delivery's time.

        It runs in a thread of its own, which is left behind when the wait is cut short: a
        library may wait for each byte anew, and no timeout of its own bounds the whole. `what`
        names the vendor, for the sentence.

        Raises:
            TimedOut: the time is over.
            RostrumError: what it was cut short with; and all that `call` raises.
        """
        answer: Future[T] = Future()
        with self._lock:
            self._waiting = answer
        try:
            # A cut is seen here, or it ends the answer that waits already.
            self.check()
            # In a copy of the context: log lines and the trace name the delivery there, too.
            threading.Thread(
                target=copy_context().run, args=(_settle, answer, call), name=what, daemon=True
            ).start()
            return answer.result(timeout=min(seconds, self._ends_at - time.monotonic()))
        except TimeoutError as error:
            raise TimedOut(f"{what} did not answer in time.") from error
        finally:
            with self._lock:
                self._waiting = None

    def cut(self, error: RostrumError) -> None:
        """Let the wait that is under way, and each later one, end in `error`."""
        with self._lock:
            self._cut = self._cut or error
            if self._waiting is not None:
                _end(self._waiting, error)


def _settle(answer: Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
        _end(answer, error)
        return
    try:
        answer.set_result(result)
    except InvalidStateError:
        # It was cut short: nobody waits any more.
        return


def _end(answer: Future[T], error: BaseException) -> None:
    try:
        answer.set_exception(error)
    except InvalidStateError:
        # The other end was faster.
        return


class Watches:
    """Those of all deliveries that this process has in hand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Watch] = set()
        self._closed = False

    @contextmanager
    def keeping(self, *, ends_at: float) -> Iterator[Watch]:
        """A watch until `ends_at`, in seconds of `time.monotonic`.

        Raises:
            Interrupted: the process is to end, and begins nothing more.
            TimedOut: the time was over before it began.
        """
        watch = Watch(ends_at=ends_at)
        watch.check()
        with self._lock:
            if self._closed:
                raise Interrupted(retry_after=RESTART_SECONDS)
            self._open.add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._open.discard(watch)

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._closed = True

    def interrupt(self) -> None:
        """Cut short what is under way; its leases are given back."""
        with self._lock:
            for watch in self._open:
                watch.cut(Interrupted(retry_after=RESTART_SECONDS))
