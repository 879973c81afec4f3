"""A line to a real server on which everything is overheard that is sent to it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"^(?:GET|HEAD|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r$", re.MULTILINE)


@dataclass(frozen=True)
class Wiretap:
    """The line, and what went over it to the server."""

    url: str
    _lines: list[bytearray] = field(default_factory=list, repr=False)
    """One for each connection: what two say at once must not be mixed."""

    @property
    def sent(self) -> bytes:
        """Every byte, headers and bodies."""
        return b"\n".join(bytes(line) for line in self._lines)

    def targets(self) -> list[str]:
        """Path and query of each request."""
        return [found.decode() for found in _REQUEST.findall(self.sent)]


@contextmanager
def tapped(url: str) -> Iterator[Wiretap]:
    """A tap on the server at `url`; what is sent to the tap reaches the server unchanged."""
    address = urlsplit(url)
    lines: list[bytearray] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            line = bytearray()
            lines.append(line)
            with socket.create_connection((address.hostname or "", address.port or 0)) as server:
                back = threading.Thread(target=_pump, args=(server, self.request, None))
                back.start()
                _pump(self.request, server, line)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Wiretap(f"http://127.0.0.1:{server.server_address[1]}", lines)
        finally:
            server.shutdown()
            thread.join()


def _pump(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    """Pass on what comes until its end; a side that hangs up ends both."""
    with suppress(OSError):
        while data := source.recv(65_536):
            if kept is not None:
                kept += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
