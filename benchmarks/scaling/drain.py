"""A long queue, drained: each session completed just once, none lost, none overtaken by many."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import text

from benchmarks.scaling.parts import Parts
from benchmarks.scaling.stock import stocked
from pipeline.database.engine import transaction
from pipeline.publication import publish

PUBLISHERS = 4
LOOK_SECONDS = 5.0
LEARNERS = 200
STANDSTILL_SECONDS = 180.0
"""When nothing has been completed for so long, nothing will be."""

_DONE = text("SELECT count(*) FROM sessions WHERE status = 'COMPLETED'")
# A session is overtaken by each that was queued after it and begun before it. Of ranks without
# ties that is at least the difference.
_TOLD = text("""
WITH ranked AS (
    SELECT s.learner_id, r.queued_at, r.started_at, r.attempts, s.status,
           (SELECT count(*) FROM session_events e
             WHERE e.session_id = s.id AND e.to_status = 'COMPLETED') AS completions,
           rank() OVER (ORDER BY r.queued_at) AS queued,
           rank() OVER (ORDER BY r.started_at) AS begun
      FROM sessions s JOIN runs r ON r.id = s.run_id)
SELECT count(*) AS sessions, count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
       count(*) FILTER (WHERE completions <> 1) AS not_once,
       count(*) FILTER (WHERE attempts <> 1) AS not_first,
       coalesce(max(begun - queued), 0) AS overtaken,
       extract(epoch FROM max(started_at - queued_at))::float8 AS longest,
       extract(epoch FROM max(started_at) - min(queued_at))::float8 AS lasted,
       (SELECT extract(epoch FROM max(last) - min(last))::float8
          FROM (SELECT max(started_at) AS last FROM ranked GROUP BY learner_id) ends) AS apart
  FROM ranked
""")


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of all sessions."""

    sessions: int
    completed: int
    not_once: int
    """Completed never, or more than once, by their events."""
    not_first: int
    """That took another number of attempts than one."""
    overtaken: int
    """Most places that one lost to others that were queued after it."""
    longest_seconds: float
    """From the queue's taking one to its first delivery, at most."""
    lasted_seconds: float
    """From the first that was queued to the last that was begun."""
    apart_seconds: float
    """Between the learners' last sessions: when the first learner was through, and the last."""
    longest_queue: int
    """Queued and not completed, at most."""

    def faults(self) -> list[str]:
        """What is not as it must be; a sentence each."""
        found = []
        if self.completed != self.sessions:
            found.append(f"{self.sessions - self.completed} sessions were lost")
        if self.not_once:
            found.append(f"{self.not_once} sessions were not completed just once")
        if self.overtaken > max(self.sessions / 100, 2 * PUBLISHERS + 16):
            found.append(f"a session was overtaken by {self.overtaken} that came after it")
        return found


def drained(parts: Parts, number: int, *, at_once: int, tell: Callable[[str], None]) -> Drained:
    """Queue so many sessions faster than they are worked on, and wait for the last."""
    services = parts.services
    stock = stocked(services, number, learners=LEARNERS)
    longest_queue = 0
    with parts.backends(1, at_once=at_once), ThreadPoolExecutor(PUBLISHERS) as publishers:
        queued = [publishers.submit(publish, services, one.run_id) for one in stock]
        done, moved_at = 0, time.monotonic()
        while done < number and time.monotonic() - moved_at < STANDSTILL_SECONDS:
            time.sleep(LOOK_SECONDS)
            taken = sum(one.done() for one in queued)
            with transaction(services.engine) as db:
                now = db.scalars(_DONE).one()
            longest_queue = max(longest_queue, taken - now)
            if now > done:
                moved_at = time.monotonic()
                if now // 1000 > done // 1000:
                    tell(f"{now:,} of {number:,} completed, {taken:,} queued")
            done = now
    with transaction(services.engine) as db:
        told = db.execute(_TOLD).one()
    return Drained(
        sessions=told.sessions,
        completed=told.completed,
        not_once=told.not_once,
        not_first=told.not_first,
        overtaken=told.overtaken,
        longest_seconds=told.longest or 0.0,
        lasted_seconds=told.lasted or 0.0,
        apart_seconds=told.apart or 0.0,
        longest_queue=longest_queue,
    )
