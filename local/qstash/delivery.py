"""Delivering a message: attempts, retries, the dead-letter queue and its callback.

Queueing, timing, waking and crash recovery are Procrastinate's: a job is one attempt at one
message, and a failed attempt is the same job again at a later time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from procrastinate import App, RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from psycopg_pool import AsyncConnectionPool

from local.qstash import dead_letters, store
from local.qstash.callbacks import attempt_callback, failure_callback
from local.qstash.flow import Turns
from local.qstash.message import Draft
from local.qstash.retry_after import seconds_until_retry
from local.qstash.sender import Sender
from local.qstash.store import Answer, Stored
from local.qstash.tables import Connection

NON_RETRYABLE_STATUS = 489
NON_RETRYABLE_HEADER = "upstash-nonretryable-error"
OWN_TROUBLE_SECONDS = 1.0
FLOW, FREE = "flow", "free"
"""Messages under flow control wait for their turn in a queue of their own, so that callbacks
and schedules never wait behind them."""

log = logging.getLogger(__name__)


class Again(Exception):
    """This attempt failed; the job comes again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("again")
        self.seconds = seconds


class _AsTold(BaseRetryStrategy):
    """Retries at the moment that the failed attempt named."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        del job
        # Anything else than a failed attempt is trouble of our own: soon again.
        wait = exception.seconds if isinstance(exception, Again) else OWN_TROUBLE_SECONDS
        return RetryDecision(retry_at=datetime.fromtimestamp(time.time() + wait, UTC))


@dataclass
class Mischief:
    """Faults of the delivering side, for tests: how many deliveries each meets."""

    deliver_twice: int = 0
    """A delivery that succeeded is delivered once more."""
    forget_answer: int = 0
    """A 2xx is treated as if it had never come: the message is retried."""


class Courier:
    """Takes messages into the queue and brings them to their destination."""

    def __init__(self, app: App, pool: AsyncConnectionPool[Connection], sender: Sender) -> None:
        self.mischief = Mischief()
        self._pool = pool
        self._sender = sender
        self._turns = Turns()
        self._task = app.task(name="deliver", retry=_AsTold())(self._attempt)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection whose work is committed at the end of the block."""
        async with self._pool.connection() as db:
            yield db

    async def publish(self, db: Connection, draft: Draft) -> tuple[str, bool]:
        """Store a message and its first job in the caller's transaction.

        Its id, and whether it was known already by its deduplication id.
        """
        stored, known = await store.add(db, draft)
        if not known:
            job = self._task.configure(
                connection=db,
                queue=FLOW if draft.flow_key else FREE,
                schedule_at=_moment(stored.due_at) if stored.due_at > time.time() else None,
            )
            await job.defer_async(
                message_id=stored.id,
                # With the job, so that a turn is taken in the order of the queue before anything
                # is awaited.
                flow_key=draft.flow_key,
                parallelism=draft.flow_parallelism,
            )
        return stored.id, known

    async def _attempt(
        self, message_id: str, flow_key: str | None = None, parallelism: int | None = None
    ) -> None:
        async with self._turns.turn(flow_key, parallelism=parallelism):
            # Looked at when it is our turn: it may have been cancelled while it waited.
            async with self.transaction() as db:
                stored = await store.find(db, message_id)
            if stored is None or stored.state != "ACTIVE":
                return
            early = stored.due_at - time.time()
            if early > 0:
                # The job's own time was lost with a server that was killed.
                raise Again(early)
            answer = await self._sender.send(stored)
            again = await self._settle(stored, answer)
        if again is not None:
            raise Again(again)

    async def _settle(self, stored: Stored, answer: Answer) -> float | None:
        """Write down what became of an attempt; the seconds until the next, None for none."""
        async with self.transaction() as db:
            current = await store.find(db, stored.id, lock=True)
            if current is None or current.state != "ACTIVE":
                return None
            if 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's success
                return await self._delivered(db, stored, answer)
            return await self._failed(db, stored, answer)

    async def _delivered(self, db: Connection, stored: Stored, answer: Answer) -> float | None:
        if self.mischief.forget_answer > 0:
            self.mischief.forget_answer -= 1
            return await self._failed(db, stored, Answer(0, {}, b"", "the answer was forgotten"))
        await store.note(db, stored, "DELIVERED", answer=answer)
        if self.mischief.deliver_twice > 0:
            self.mischief.deliver_twice -= 1
            return 0.0
        await store.finish(db, stored.id, "DELIVERED")
        await self._tell(db, attempt_callback(stored, answer))
        return None

    async def _failed(self, db: Connection, stored: Stored, answer: Answer) -> float | None:
        await self._tell(db, attempt_callback(stored, answer))
        if _is_hopeless(answer) or stored.retried >= stored.draft.retries:
            dead_id = await dead_letters.bury(db, stored, answer)
            await self._tell(db, failure_callback(stored, answer, dead_id=dead_id))
            return None
        now = time.time()
        wait = seconds_until_retry(
            answer.headers,
            expression=stored.draft.retry_delay,
            retried=stored.retried,
            now=now,
        )
        await store.put_off(db, stored.id, until=now + wait)
        await store.note(db, stored, "RETRY", answer=answer, next_at=now + wait)
        return wait

    async def _tell(self, db: Connection, callback: Draft | None) -> None:
        if callback is not None:
            await self.publish(db, callback)


def _is_hopeless(answer: Answer) -> bool:
    """The destination said that no retry can help: it takes the status and the header."""
    said = [value.lower() for value in answer.headers.get(NON_RETRYABLE_HEADER, [])]
    return answer.status == NON_RETRYABLE_STATUS and "true" in said


def _moment(unix_seconds: float) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)
