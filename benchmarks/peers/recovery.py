"""What becomes of sessions whose worker is killed, once it is started again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.peers.engines import Engine
from benchmarks.peers.surroundings import Surroundings, Unfinished

SESSIONS, AT_ONCE = 8, 4
DONE_BEFORE = 2
"""The kill comes once so many are completed: others are in the middle, or wait."""
PATIENCE_SECONDS = 240.0
TWICE = """
SELECT count(*) FROM sessions s
 WHERE s.learner_id LIKE %s
   AND (SELECT count(*) FROM transcripts t WHERE t.session_id = s.id) <> 1
"""


@dataclass(frozen=True, slots=True)
class Recovered:
    """After a kill."""

    seconds: float
    """From the worker's second start until every session is completed."""
    lost: int
    """Sessions that were not completed within the patience."""
    repeated_calls: int
    """Calls of vendors beyond one each for each session: paid for twice."""
    odd_sessions: int
    """With no transcript, or several."""


def recover(around: Surroundings, engine: Engine) -> Recovered:
    """Kill the worker amid its sessions, start it again, and wait."""
    prefix = f"kill-{engine.name}-{time.monotonic_ns()}-"
    with engine.running(around, AT_ONCE) as live:
        live.start()
        jobs = around.waiting(SESSIONS, prefix=prefix)
        calls = around.vendor_calls()
        for job in jobs:
            live.submit(job)
        around.wait(DONE_BEFORE, prefix=prefix, seconds=PATIENCE_SECONDS)
        live.kill()
        begun_at = time.monotonic()
        live.start()
        lost = 0
        try:
            around.wait(SESSIONS, prefix=prefix, seconds=PATIENCE_SECONDS)
        except Unfinished:
            lost = SESSIONS - around.completed(prefix)
        seconds = time.monotonic() - begun_at
        calls = around.vendor_calls() - calls
    row = around.watching.execute(TWICE, [f"{prefix}%"]).fetchone()
    return Recovered(
        seconds=seconds,
        lost=lost,
        repeated_calls=calls - 2 * (SESSIONS - lost),
        odd_sessions=int(row[0]) if row else 0,
    )
