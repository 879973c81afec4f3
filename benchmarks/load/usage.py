"""What each part takes of processor and memory while the load lasts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

BACKEND, DECODERS, DASHBOARD = "backend", "decoders", "dashboard"
"""The children of a backend (of any whose name begins so) decode recordings; they count apart."""
OTHERS = "all else on this machine"


@dataclass
class Usage:
    """Between `begin` and `end`."""

    processor_seconds: dict[str, float] = field(default_factory=dict)
    """By part, children included."""
    machine_seconds: float = 0.0
    """What all cores could have given."""
    memory: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {BACKEND: [], DASHBOARD: []}
    )
    """Of these processes without their children: seconds since the beginning, and resident
    megabytes."""


class Watching:
    """Over the processes of all parts."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        self._parts = {name: psutil.Process(pid) for name, pid in parts.items()}
        self._begun_at = time.monotonic()
        self._before = self._spent()
        self._machine = _machine()
        self.usage = Usage()

    def look(self) -> None:
        """Note the memory."""
        at = time.monotonic() - self._begun_at
        for name, samples in self.usage.memory.items():
            samples.append((at, self._parts[name].memory_info().rss / 1024**2))

    def end(self) -> Usage:
        """What was taken since the beginning."""
        after, (busy, whole) = self._spent(), _machine()
        taken = {name: after[name] - self._before.get(name, 0.0) for name in after}
        busy, whole = busy - self._machine[0], whole - self._machine[1]
        self.usage.processor_seconds = {
            **taken,
            OTHERS: max(0.0, busy - sum(taken.values())),
        }
        self.usage.machine_seconds = whole
        return self.usage

    def _spent(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        for name, process in self._parts.items():
            own, below = _seconds_of(process)
            if name.startswith(BACKEND):
                spent[name] = own
                spent[DECODERS] = spent.get(DECODERS, 0.0) + below
            elif process.pid == os.getpid():
                # All the others are its children.
                spent[name] = own
            else:
                spent[name] = own + below
        return spent


def _seconds_of(process: psutil.Process) -> tuple[float, float]:
    """Processor time of a process, and of its children, those that ended included."""
    own = process.cpu_times()
    below = own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            # It ended just now: its parent has its time.
            continue
        below += spent.user + spent.system + spent.children_user + spent.children_system
    return own.user + own.system, below


def _machine() -> tuple[float, float]:
    """Seconds that all cores were busy, and all seconds."""
    spent = psutil.cpu_times()
    whole = sum(spent[:8])  # guests are part of user
    return whole - spent.idle - spent.iowait, whole
