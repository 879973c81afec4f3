"""The C library's heaps: how a process of many threads gives freed memory to whoever needs some."""

from __future__ import annotations

import ctypes

HEAPS = 2
"""By its own rule (8 for each core) what one thread has freed is of no use to the next: 20 minutes
of load held 13 MB more, all of it free."""
M_ARENA_MAX = -8
"""Their number's name in glibc's `malloc.h`."""


def share() -> None:
    """Let all threads of this process share them; without glibc nothing changes.

    Call it before there are threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, HEAPS)
