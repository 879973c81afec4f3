"""How many sessions an engine does in a minute, and what each of them takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.load.usage import DECODERS, OTHERS, Watching
from benchmarks.peers.engines import Engine
from benchmarks.peers.job import Job
from benchmarks.peers.surroundings import QUEUE_DATABASE, Counts, Surroundings

SESSIONS = {1: 10, 8: 32, 32: 48}
"""In a window, by how many are worked on at once."""
WARM = {1: 3, 8: 12, 32: 32}
"""Sessions before the window: each thread, process and connection has been used."""
PATIENCE_SECONDS = 120.0
SETTLE_SECONDS = 0.5
"""After the last session is completed, the engine notes that; and its messages are answered."""
SUBMITTING = "submitting"
SAME_FOR_ALL = ("object store", "vendors")


@dataclass(frozen=True, slots=True)
class Window:
    """What came of one engine's sessions."""

    sessions_a_minute: float
    processor: dict[str, float]
    """Milliseconds for each session, by part."""
    statements: float
    """For each session, without BEGIN, COMMIT and pings."""
    of_them_queue: float
    """Those of the local queue."""
    redis_commands: float
    wal_bytes: float
    """Both for each session."""
    others: float
    """Share of the machine that went to anything else."""
    errors: tuple[str, ...]

    @property
    def machinery(self) -> float:
        """Milliseconds of processor time that a session took, its decoding left out."""
        return sum(self.processor.values()) - self.processor[DECODERS]

    @property
    def whole(self) -> float:
        """The same with its decoding."""
        return sum(self.processor.values())


def measure(around: Surroundings, engine: Engine, *, at_once: int, sessions: int) -> Window:
    """Start the engine, warm it, and take its cost over so many sessions, handed over at once."""
    with engine.running(around, at_once) as live:
        live.start()
        name = f"{engine.name}-{at_once}-{time.monotonic_ns()}"
        warm = around.waiting(WARM.get(at_once, at_once), prefix=f"warm-{name}-")
        for job in warm:
            live.submit(job)
        around.wait(len(warm), prefix=f"warm-{name}-", seconds=PATIENCE_SECONDS)
        jobs = around.waiting(sessions, prefix=f"{name}-")
        time.sleep(SETTLE_SECONDS)
        before, calls, commands = around.counts(), around.vendor_calls(), live.redis_commands()
        watching = Watching({**around.pids, **live.parts})
        begun_at, spent = time.perf_counter(), time.process_time()
        for job in jobs:
            live.submit(job)
        spent = time.process_time() - spent
        around.wait(sessions, prefix=f"{name}-", seconds=PATIENCE_SECONDS)
        seconds = time.perf_counter() - begun_at
        time.sleep(SETTLE_SECONDS)
        usage, after = watching.end(), around.counts()
        calls, commands = around.vendor_calls() - calls, live.redis_commands() - commands
    taken = dict(usage.processor_seconds)
    others = max(0.0, taken.pop(OTHERS) - spent)
    taken = {part: each for part, each in taken.items() if part not in SAME_FOR_ALL}
    taken[SUBMITTING] = spent
    return Window(
        sessions_a_minute=60 * sessions / seconds,
        processor={part: 1000 * each / sessions for part, each in taken.items()},
        statements=_statements(before, after) / sessions,
        of_them_queue=_statements(before, after, QUEUE_DATABASE) / sessions,
        redis_commands=commands / sessions,
        wal_bytes=(after.wal_bytes - before.wal_bytes) / sessions,
        others=others / usage.machine_seconds,
        errors=_errors(calls, jobs),
    )


def _statements(before: Counts, after: Counts, *databases: str) -> int:
    chosen = databases or tuple(after.statements)
    return sum(after.statements.get(one, 0) - before.statements.get(one, 0) for one in chosen)


def _errors(calls: int, jobs: list[Job]) -> tuple[str, ...]:
    """Each vendor is asked just once for each session."""
    expected = 2 * len(jobs)
    return () if calls == expected else (f"{calls} calls of vendors, not {expected}",)
