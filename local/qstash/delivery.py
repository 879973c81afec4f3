"""Delivering a message: attempts, retries, the dead-letter queue and its callback.

Queueing, timing, waking and crash recovery are Procrastinate's: a job is one attempt at one
message, and a failed attempt is the same job again at a later time.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from procrastinate import App, RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from psycopg_pool import AsyncConnectionPool

from local.qstash import delay, store
from local.qstash.message import Draft
from local.qstash.signature import sign
from local.qstash.store import Answer, Connection, Stored

NON_RETRYABLE_STATUS = 489
NON_RETRYABLE_HEADER = "upstash-nonretryable-error"
RESET_HEADERS = ("retry-after", "x-ratelimit-reset", "x-ratelimit-reset-requests")
MOST_BODY_BYTES = 1 << 20
CONNECT_TIMEOUT_SECONDS = 5.0
OWN_TROUBLE_SECONDS = 1.0

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

    def __init__(
        self, app: App, pool: AsyncConnectionPool[Connection], *, signing_key: str
    ) -> None:
        self.mischief = Mischief()
        self._pool = pool
        self._key = signing_key
        self._http = httpx.AsyncClient(follow_redirects=False)
        self._flows: dict[str, _Flow] = defaultdict(_Flow)
        # Messages under flow control wait for their turn in a queue of their own, so that
        # callbacks and schedules never wait behind them.
        self._task = app.task(name="deliver", retry=_AsTold())(self._attempt)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection whose work is committed at the end of the block."""
        async with self._pool.connection() as db:
            yield db

    async def publish(self, db: Connection, draft: Draft) -> tuple[str, bool]:
        """Store a message and its first job in the caller's transaction."""
        message_id, known = await store.add(db, draft)
        if not known:
            due = datetime.fromtimestamp(draft.not_before, UTC) if draft.not_before else None
            await self._task.configure(
                connection=db, queue="flow" if draft.flow_key else "free", schedule_at=due
            ).defer_async(message_id=message_id)
        return message_id, known

    async def close(self) -> None:
        """Give back the HTTP connections."""
        await self._http.aclose()

    async def _attempt(self, message_id: str) -> None:
        async with self.transaction() as db:
            stored = await store.find(db, message_id)
        if stored is None or stored.state != "ACTIVE":
            return
        async with self._turn(stored.draft):
            answer = await self._send(stored)
        again = await self._settle(stored, answer)
        if again is not None:
            raise Again(again)

    @asynccontextmanager
    async def _turn(self, draft: Draft) -> AsyncIterator[None]:
        """Wait until the flow-control key has room."""
        if draft.flow_key is None or draft.flow_parallelism is None:
            yield
            return
        flow = self._flows[draft.flow_key]
        await flow.enter(draft.flow_parallelism)
        try:
            yield
        finally:
            flow.leave()

    async def _send(self, stored: Stored) -> Answer:
        draft = stored.draft
        headers = {
            **draft.headers,
            "User-Agent": "Upstash-QStash",
            "Upstash-Message-Id": stored.id,
            "Upstash-Retried": str(stored.retried),
            "Upstash-Signature": sign(key=self._key, url=draft.destination, body=draft.body),
        }
        timeout = httpx.Timeout(draft.timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)
        try:
            async with asyncio.timeout(draft.timeout_seconds):
                response = await self._http.request(
                    draft.method,
                    draft.destination,
                    content=draft.body,
                    headers=headers,
                    timeout=timeout,
                )
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("no answer: %s %s", stored.id, type(error).__name__)
            return Answer(0, {}, b"")
        return Answer(
            response.status_code, dict(response.headers), response.content[:MOST_BODY_BYTES]
        )

    async def _settle(self, stored: Stored, answer: Answer) -> float | None:
        """Write down what became of an attempt; the seconds until the next, None for none."""
        async with self.transaction() as db:
            current = await store.find(db, stored.id, lock=True)
            if current is None or current.state != "ACTIVE":
                return None
            if 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's success
                return await self._delivered(db, stored, answer)
            dead = (
                answer.status == NON_RETRYABLE_STATUS
                and answer.headers.get(NON_RETRYABLE_HEADER, "").lower() == "true"
            )
            if dead or stored.retried >= stored.draft.retries:
                await self._give_up(db, stored, answer)
                return None
            return await self._retry(db, stored, answer)

    async def _delivered(self, db: Connection, stored: Stored, answer: Answer) -> float | None:
        if self.mischief.forget_answer > 0:
            self.mischief.forget_answer -= 1
            return await self._retry(db, stored, Answer(0, {}, b""))
        await store.note(db, stored.id, "DELIVERED", stored.draft, status=answer.status)
        if self.mischief.deliver_twice > 0:
            self.mischief.deliver_twice -= 1
            return 0.0
        await store.set_state(db, stored.id, "DELIVERED")
        if stored.draft.callback:
            await self._call_back(db, stored, answer, url=stored.draft.callback, dead_id=None)
        return None

    async def _retry(self, db: Connection, stored: Stored, answer: Answer) -> float:
        wait = seconds_until_retry(stored, answer, now=time.time())
        await store.set_state(db, stored.id, "ACTIVE", retried=stored.retried + 1)
        await store.note(
            db,
            stored.id,
            "RETRY",
            stored.draft,
            status=answer.status,
            next_at=time.time() + wait,
        )
        return wait

    async def _give_up(self, db: Connection, stored: Stored, answer: Answer) -> None:
        dead_id = await store.bury(db, stored, answer)
        if stored.draft.failure_callback:
            await self._call_back(
                db, stored, answer, url=stored.draft.failure_callback, dead_id=dead_id
            )

    async def _call_back(
        self, db: Connection, stored: Stored, answer: Answer, *, url: str, dead_id: str | None
    ) -> None:
        """Publish what became of a message, itself a signed message."""
        draft = stored.draft
        body = {
            "status": answer.status,
            "header": {name: [value] for name, value in answer.headers.items()},
            "body": base64.b64encode(answer.body).decode(),
            "retried": stored.retried,
            "maxRetries": draft.retries,
            "sourceMessageId": stored.id,
            "url": draft.destination,
            "method": draft.method,
            "sourceHeader": {name: [value] for name, value in draft.headers.items()},
            "sourceBody": base64.b64encode(draft.body).decode(),
            "notBefore": int(draft.not_before * 1000),
            "createdAt": int(stored.created_at * 1000),
            **({"dlqId": dead_id} if dead_id else {}),
        }
        await self.publish(
            db,
            Draft(
                destination=url,
                body=json.dumps(body).encode(),
                headers={"content-type": "application/json", **draft.failure_headers},
                retries=draft.failure_retries,
                retry_delay=draft.retry_delay,
            ),
        )


class _Flow:
    """Room for so many deliveries at once, in the order of arrival."""

    def __init__(self) -> None:
        self._inside = 0
        self._changed = asyncio.Condition()

    async def enter(self, parallelism: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._inside < parallelism)
            self._inside += 1

    def leave(self) -> None:
        self._inside -= 1
        task = asyncio.get_running_loop().create_task(self._wake())
        _WAKING.add(task)
        task.add_done_callback(_WAKING.discard)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify(1)


_WAKING: set[asyncio.Task[None]] = set()
"""Held until done: the loop keeps weak references only."""


def seconds_until_retry(stored: Stored, answer: Answer, *, now: float) -> float:
    """How long to wait: what the destination asked for, else the expression, else the default."""
    for name in RESET_HEADERS:
        asked = _asked(answer.headers.get(name), now)
        if asked is not None:
            return asked
    if stored.draft.retry_delay is None:
        return delay.default_seconds(stored.retried)
    try:
        return delay.seconds(stored.draft.retry_delay, retried=stored.retried)
    except delay.BadExpression:
        # It had a value when it was published, for another count.
        return delay.default_seconds(stored.retried)


def _asked(value: str | None, now: float) -> float | None:
    """Seconds out of a header that holds seconds, a unix time or an HTTP date."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except ValueError:
            return None
    if number > now - 86_400:
        return max(0.0, number - now)
    return min(max(number, 0.0), 86_400.0)


async def recover(app: App) -> int:
    """Hand back the jobs of a server that was killed; at once, since we are the only one."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=0))
    for job in stalled:
        await app.job_manager.retry_job(job)
    return len(stalled)


def options() -> dict[str, Any]:
    """How the two workers run."""
    return {
        "install_signal_handlers": False,
        "listen_notify": True,
        # Delays are kept to a fifth of a second.
        "fetch_job_polling_interval": 0.2,
        "delete_jobs": "successful",
        "shutdown_graceful_timeout": 1.0,
    }
