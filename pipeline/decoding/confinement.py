"""What the decoding child does to itself before it touches a recording: it gives up its powers.

Afterwards it can open neither file nor socket, and it has so much memory, processor time and
disk as its job needs. It dies with its parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may use."""

    memory_bytes: int
    """Address space."""
    cpu_seconds: int
    written_bytes: int
    """By file."""
    niceness: int = 10
    """How far it stands back for the server that started it, which answers people in
    milliseconds."""


def confine(bounds: Bounds) -> None:
    """Take the limits on, for good. All modules must have been imported, all files opened."""
    os.nice(bounds.niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (bounds.cpu_seconds, bounds.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (bounds.written_bytes, bounds.written_bytes))
    # No number is left for another file or socket: a reference to one leads nowhere.
    free = _lowest_free_descriptor()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))


def die_with(parent: int) -> None:
    """Be killed when the parent is, also when it has died before this call."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent is gone.")


def _lowest_free_descriptor() -> int:
    """The number that the next file to be opened would get."""
    number = os.dup(0)
    os.close(number)
    return number
