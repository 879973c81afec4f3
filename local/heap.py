"""Keep the process small between transcriptions: glibc hoards what the model frees.

Measured after two talks of 86 s side by side: 462 MB without, 285 MB with, as fast.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""
_ARENAS = 2

_libc = ctypes.CDLL(None)


def use_few_arenas() -> None:
    """One arena for each core in place of eight; call before threads start."""
    if hasattr(_libc, "mallopt"):  # other C libraries have no such knob, nor the habit
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return freed memory to the system."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
