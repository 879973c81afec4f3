"""Messages, dead letters, schedules and events as rows, beside the job library's own tables."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from local.qstash.message import Draft

SCHEMA = "qstash"
DEDUPLICATION_SECONDS = 600
"""QStash remembers a deduplication id for ten minutes."""
KEEP_SECONDS = 3 * 86_400
"""Messages that are over, and events, are kept so long."""

Connection = AsyncConnection[DictRow]

TABLES: LiteralString = """
CREATE TABLE IF NOT EXISTS messages (
    id text PRIMARY KEY,
    draft jsonb NOT NULL,
    body bytea NOT NULL,
    created_at float8 NOT NULL,
    state text NOT NULL DEFAULT 'ACTIVE',
    retried int NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS deduplication (
    id text PRIMARY KEY,
    message_id text NOT NULL,
    expires_at float8 NOT NULL
);
CREATE TABLE IF NOT EXISTS dead_letters (
    id text PRIMARY KEY,
    message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
    at float8 NOT NULL,
    response_status int NOT NULL,
    response_headers jsonb NOT NULL,
    response_body bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS schedules (
    id text PRIMARY KEY,
    cron text NOT NULL,
    draft jsonb NOT NULL,
    body bytea NOT NULL,
    created_at float8 NOT NULL,
    next_at float8 NOT NULL,
    last_at float8,
    paused bool NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at float8 NOT NULL,
    message_id text NOT NULL,
    state text NOT NULL,
    url text NOT NULL,
    label text,
    response_status int,
    next_at float8
);
CREATE INDEX IF NOT EXISTS events_message ON events (message_id);
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message with its id and progress."""

    id: str
    draft: Draft
    created_at: float
    state: str
    retried: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the destination said last; status 0 where it said nothing."""

    status: int
    headers: dict[str, str]
    body: bytes


def new_id(kind: str) -> str:
    """An id in the order of time."""
    return f"{kind}_{int(time.time() * 1000):012x}{secrets.token_hex(6)}"


async def add(db: Connection, draft: Draft) -> tuple[str, bool]:
    """Store a message; its id, and whether an earlier one with its deduplication id stands."""
    message_id = new_id("msg")
    if draft.deduplication_id:
        known = await _deduplicated(db, draft.deduplication_id, message_id)
        if known != message_id:
            return known, True
    await db.execute(
        "INSERT INTO messages (id, draft, body, created_at) VALUES (%s, %s, %s, %s)",
        [message_id, json.dumps(draft.as_json()), draft.body, time.time()],
    )
    await note(db, message_id, "CREATED", draft)
    return message_id, False


async def _deduplicated(db: Connection, deduplication_id: str, message_id: str) -> str:
    """The message that holds this id: ours, unless a younger memory says otherwise."""
    now = time.time()
    cursor = await db.execute(
        """
        INSERT INTO deduplication AS known (id, message_id, expires_at) VALUES (%s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET
            message_id = CASE WHEN known.expires_at > %s THEN known.message_id
                              ELSE excluded.message_id END,
            expires_at = CASE WHEN known.expires_at > %s THEN known.expires_at
                              ELSE excluded.expires_at END
        RETURNING message_id
        """,
        [deduplication_id, message_id, now + DEDUPLICATION_SECONDS, now, now],
    )
    row = await cursor.fetchone()
    return str(row["message_id"]) if row else message_id


async def find(db: Connection, message_id: str, *, lock: bool = False) -> Stored | None:
    """A message, whatever its state."""
    query: LiteralString = "SELECT * FROM messages WHERE id = %s"
    if lock:
        query += " FOR UPDATE"
    cursor = await db.execute(query, [message_id])
    row = await cursor.fetchone()
    return _stored(row) if row else None


def _stored(row: DictRow) -> Stored:
    return Stored(
        row["id"],
        Draft(**row["draft"], body=bytes(row["body"])),
        row["created_at"],
        row["state"],
        row["retried"],
    )


async def set_state(
    db: Connection, message_id: str, state: str, *, retried: int | None = None
) -> None:
    """Say where a message stands."""
    await db.execute(
        "UPDATE messages SET state = %s, retried = coalesce(%s, retried) WHERE id = %s",
        [state, retried, message_id],
    )


async def cancel(db: Connection, message_ids: list[str] | None) -> int:
    """Stop messages, or all of them; how many were stopped."""
    cursor = await db.execute(
        """
        UPDATE messages SET state = 'CANCELED'
         WHERE state = 'ACTIVE' AND (%(all)s OR id = ANY(%(ids)s))
        """,
        {"all": message_ids is None, "ids": message_ids or []},
    )
    return cursor.rowcount


async def bury(db: Connection, stored: Stored, answer: Answer) -> str:
    """Make a dead letter of a message; its id."""
    dead_id = new_id("dlq")
    await set_state(db, stored.id, "FAILED")
    await db.execute(
        "INSERT INTO dead_letters VALUES (%s, %s, %s, %s, %s, %s)",
        [
            dead_id,
            stored.id,
            time.time(),
            answer.status,
            json.dumps(answer.headers),
            answer.body,
        ],
    )
    await note(db, stored.id, "FAILED", stored.draft, status=answer.status)
    return dead_id


async def dead_letters(
    db: Connection, *, before: str | None, count: int, filters: dict[str, str]
) -> list[dict[str, Any]]:
    """Dead letters, newest first, in QStash's form."""
    cursor = await db.execute(
        """
        SELECT d.id AS dead_id, d.response_status, d.response_headers, d.response_body, m.*
          FROM dead_letters d JOIN messages m ON m.id = d.message_id
         WHERE (%(before)s::text IS NULL OR d.id < %(before)s)
           AND (%(dlqId)s::text IS NULL OR d.id = %(dlqId)s)
           AND (%(messageId)s::text IS NULL OR m.id = %(messageId)s)
           AND (%(url)s::text IS NULL OR m.draft->>'destination' = %(url)s)
           AND (%(label)s::text IS NULL OR m.draft->>'label' = %(label)s)
           AND (%(responseStatus)s::int IS NULL OR d.response_status = %(responseStatus)s::int)
         ORDER BY d.id DESC LIMIT %(count)s
        """,
        {
            **dict.fromkeys(["dlqId", "messageId", "url", "label", "responseStatus"]),
            **filters,
            "before": before,
            "count": count,
        },
    )
    return [_dead_json(row) async for row in cursor]


def _dead_json(row: DictRow) -> dict[str, Any]:
    return {
        **message_json(_stored(row)),
        "dlqId": row["dead_id"],
        "responseStatus": row["response_status"],
        "responseHeader": {name: [value] for name, value in row["response_headers"].items()},
        "responseBody": bytes(row["response_body"]).decode(errors="replace"),
    }


async def take_dead(db: Connection, dead_ids: list[str]) -> list[Stored]:
    """Remove dead letters, for deleting or retrying; the messages behind them."""
    cursor = await db.execute(
        """
        WITH gone AS (DELETE FROM dead_letters WHERE id = ANY(%s) RETURNING message_id)
        SELECT m.* FROM messages m JOIN gone ON gone.message_id = m.id
        """,
        [dead_ids],
    )
    return [_stored(row) async for row in cursor]


def message_json(stored: Stored) -> dict[str, Any]:
    """A message in QStash's form."""
    draft = stored.draft
    shown: dict[str, Any] = {
        "messageId": stored.id,
        "url": draft.destination,
        "method": draft.method,
        "header": {name: [value] for name, value in draft.headers.items()},
        "maxRetries": draft.retries,
        "notBefore": int(draft.not_before * 1000),
        "createdAt": int(stored.created_at * 1000),
        "callback": draft.callback,
        "failureCallback": draft.failure_callback,
        "scheduleId": draft.schedule_id,
        "retryDelayExpression": draft.retry_delay,
        "label": draft.label,
    }
    try:
        shown["body"] = draft.body.decode()
    except UnicodeDecodeError:
        shown["bodyBase64"] = base64.b64encode(draft.body).decode()
    if draft.flow_key:
        shown |= {"flowControlKey": draft.flow_key, "parallelism": draft.flow_parallelism}
    return {name: value for name, value in shown.items() if value is not None}


async def note(
    db: Connection,
    message_id: str,
    state: str,
    draft: Draft,
    *,
    status: int | None = None,
    next_at: float | None = None,
) -> None:
    """Append an event."""
    await db.execute(
        "INSERT INTO events (at, message_id, state, url, label, response_status, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [time.time(), message_id, state, draft.destination, draft.label, status, next_at],
    )


async def events(db: Connection, *, message_id: str | None, count: int) -> list[dict[str, Any]]:
    """Events, newest first, in QStash's form."""
    cursor = await db.execute(
        "SELECT * FROM events WHERE %(id)s::text IS NULL OR message_id = %(id)s"
        " ORDER BY number DESC LIMIT %(count)s",
        {"id": message_id, "count": count},
    )
    return [
        {
            "time": int(row["at"] * 1000),
            "messageId": row["message_id"],
            "state": row["state"],
            "url": row["url"],
            "label": row["label"],
            "responseStatus": row["response_status"] or 0,
            "nextDeliveryTime": int(row["next_at"] * 1000) if row["next_at"] else None,
        }
        async for row in cursor
    ]


async def forget_old(db: Connection) -> None:
    """Delete what is over and old."""
    old = time.time() - KEEP_SECONDS
    await db.execute(
        "DELETE FROM messages WHERE state IN ('DELIVERED', 'CANCELED') AND created_at < %s", [old]
    )
    await db.execute("DELETE FROM events WHERE at < %s", [old])
    await db.execute("DELETE FROM deduplication WHERE expires_at < %s", [time.time()])
