"""A real HTTP server for messages to be delivered to, that answers as a test says."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAITING_SECONDS = 15.0


@dataclass(frozen=True)
class Reply:
    """What is answered to one delivery."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Delivery:
    """What came."""

    method: str
    path: str
    """With its query, as it stood in the request."""
    headers: Message
    body: bytes
    at: float
    """Seconds of the monotonic clock."""

    @property
    def retried(self) -> int:
        return int(self.headers["Upstash-Retried"])


class Destination:
    """Remembers what came; answers 200 where it was told nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.deliveries: list[Delivery] = []
        self.at_once = 0
        """The most deliveries that were under way at the same time."""
        self._inside = 0
        self._replies: deque[Reply] = deque()
        self._open = threading.Event()
        self._open.set()
        self._changed = threading.Condition()

    def reply(self, *replies: Reply) -> None:
        """What is answered to the next deliveries, one after the other."""
        self._replies.extend(replies)

    def hold(self) -> None:
        """Answer nobody until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Answer those who wait, and all who come."""
        self._open.set()

    def wait_for(self, count: int, *, path: str = "/") -> list[Delivery]:
        """The deliveries whose path begins so, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self.to(path)) >= count, timeout=WAITING_SECONDS
            ), f"{len(self.to(path))} of {count} deliveries came"
            return self.to(path)

    def to(self, path: str) -> list[Delivery]:
        """The deliveries whose path begins so, up to now."""
        return [delivery for delivery in self.deliveries if delivery.path.startswith(path)]

    def take(self, delivery: Delivery) -> Reply:
        """Note a delivery, and say what to answer, when it is time to."""
        with self._changed:
            self.deliveries.append(delivery)
            self._inside += 1
            self.at_once = max(self.at_once, self._inside)
            self._changed.notify_all()
        self._open.wait(WAITING_SECONDS)
        with self._changed:
            self._inside -= 1
            return self._replies.popleft() if self._replies else Reply()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        reply = self.server.destination.take(
            Delivery(
                self.command,
                self.path,
                self.headers,
                self.rfile.read(length),
                time.monotonic(),
            )
        )
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.destination = Destination(f"http://127.0.0.1:{self.server_port}")


@contextmanager
def running_destination() -> Iterator[Destination]:
    """A destination on a port of its own."""
    with _Server() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield server.destination
        finally:
            server.destination.release()
            server.shutdown()
            serving.join()
