"""What each part takes of processor and memory while the load lasts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

BACKEND, DECODERS, DASHBOARD = "backend", "decoders", "dashboard"
"""Recordings are decoded in children of whoever works; they are counted apart."""
DECODING = "pipeline.decoding.fork_server"
"""In the command line of each decoding child, and of what it is forked from."""
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
        decoding = 0.0
        for name, process in self._parts.items():
            if process.pid == os.getpid():
                # All the others are its children.
                own = process.cpu_times()
                spent[name] = own.user + own.system
                continue
            spent[name], decoders = _seconds_of(process)
            decoding += decoders
        return {**spent, DECODERS: decoding}


def _seconds_of(process: psutil.Process) -> tuple[float, float]:
    """Processor time of a process and those below it, those that ended included; decoders apart."""
    working = decoding = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times, command = each.cpu_times(), each.cmdline()
        except psutil.NoSuchProcess:
            # It ended just now: its parent has its time.
            continue
        spent = times.user + times.system + times.children_user + times.children_system
        if DECODING in command:
            decoding += spent
        else:
            working += spent
    return working, decoding


def _machine() -> tuple[float, float]:
    """Seconds that all cores were busy, and all seconds."""
    spent = psutil.cpu_times()
    whole = sum(spent[:8])  # guests are part of user
    return whole - spent.idle - spent.iowait, whole
