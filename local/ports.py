"""A free port on loopback, and whether one is taken."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 15_000, 32_000
"""Below the range that the kernel takes for outgoing connections: a port that is given out
here cannot be taken by a client before its server binds it."""

_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on now, and that this process was not given before."""
    while True:
        port = random.randrange(FIRST, LAST)  # noqa: S311 - not a secret
        if port in _given or not _can_bind(port):
            continue
        _given.add(port)
        return port


def is_taken(port: int) -> bool:
    """Whether something listens on `port` of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
