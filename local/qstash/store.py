"""Messages, what is remembered of their deduplication ids, and their events, as rows."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from psycopg.rows import DictRow

from local.qstash.asked import Asked
from local.qstash.message import Draft, Refused
from local.qstash.tables import Connection, new_id

DEDUPLICATION_SECONDS = 600
"""QStash remembers a deduplication id for ten minutes."""
KEEP_SECONDS = 3 * 86_400
"""Messages that are over, and events, are kept so long."""
MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """A message with its id and progress."""

    id: str
    draft: Draft
    created_at: float
    """Unix seconds."""
    state: str
    retried: int
    due_at: float
    """Unix seconds: the next attempt may not begin before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the destination said last; status 0 where it said nothing."""

    status: int
    headers: dict[str, list[str]]
    """Names in lower case."""
    body: bytes
    error: str | None = None
    """Why there is no answer."""


async def add(db: Connection, draft: Draft) -> tuple[Stored, bool]:
    """Store a message; it, and whether it is an earlier one with its deduplication id."""
    now = time.time()
    placed = replace(draft, not_before=draft.not_before or now + draft.delay_seconds)
    stored = Stored(new_id("msg"), placed, now, "ACTIVE", 0, placed.not_before)
    if draft.deduplication_id:
        known = await _deduplicated(db, draft.deduplication_id, stored.id)
        if known != stored.id:
            return replace(stored, id=known), True
    await db.execute(
        "INSERT INTO messages (id, draft, body, created_at, due_at) VALUES (%s, %s, %s, %s, %s)",
        [stored.id, json.dumps(placed.as_json()), draft.body, now, stored.due_at],
    )
    await note(db, stored, "CREATED", next_at=stored.due_at)
    return stored, False


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
    return stored_of(row) if row else None


def stored_of(row: DictRow) -> Stored:
    """A row of `messages` as a value."""
    return Stored(
        row["id"],
        Draft.from_json(row["draft"], bytes(row["body"])),
        row["created_at"],
        row["state"],
        row["retried"],
        row["due_at"],
    )


async def finish(db: Connection, message_id: str, state: str) -> None:
    """Nothing more is to be done for a message."""
    await db.execute("UPDATE messages SET state = %s WHERE id = %s", [state, message_id])


async def put_off(db: Connection, message_id: str, *, until: float) -> None:
    """The attempt failed; the next may begin at `until`, in unix seconds."""
    await db.execute(
        "UPDATE messages SET retried = retried + 1, due_at = %s WHERE id = %s",
        [until, message_id],
    )


async def cancel(db: Connection, message_ids: list[str] | None) -> int:
    """Stop messages, or all of them; how many were stopped."""
    cursor = await db.execute(
        """
        UPDATE messages SET state = 'CANCELED'
         WHERE state = 'ACTIVE' AND (%(all)s OR id = ANY(%(ids)s)) RETURNING *
        """,
        {"all": message_ids is None, "ids": message_ids or []},
    )
    stopped = [stored_of(row) for row in await cursor.fetchall()]
    for stored in stopped:
        await note(db, stored, "CANCELED")
    return len(stopped)


def message_json(stored: Stored) -> dict[str, Any]:
    """A message in QStash's form."""
    draft = stored.draft
    shown: dict[str, Any] = {
        "messageId": stored.id,
        "url": draft.destination,
        "maxRetries": draft.retries,
        "notBefore": milliseconds(draft.not_before),
        "createdAt": milliseconds(stored.created_at),
        **draft_json(draft),
    }
    return {name: value for name, value in shown.items() if value is not None}


def draft_json(draft: Draft) -> dict[str, Any]:
    """What messages and schedules show alike; None where there is nothing to show."""
    shown: dict[str, Any] = {
        "method": draft.method,
        "header": header_json(draft.headers),
        "callback": draft.callback,
        "failureCallback": draft.failure_callback,
        "scheduleId": draft.schedule_id,
        "retryDelayExpression": draft.retry_delay,
        "label": draft.label,
        "timeout": int(draft.timeout_seconds),
        **text_json("body", draft.body),
    }
    if draft.flow_key:
        shown |= {"flowControlKey": draft.flow_key, "parallelism": draft.flow_parallelism}
    return shown


def header_json(headers: dict[str, str] | dict[str, list[str]]) -> dict[str, list[str]]:
    """Headers in QStash's form: names as Go writes them, a list of values for each."""
    return {
        name.title(): [value] if isinstance(value, str) else value
        for name, value in headers.items()
    }


def text_json(name: str, content: bytes) -> dict[str, str]:
    """Bytes under a name, as text where they are UTF-8, else in base64 under another name."""
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}Base64": base64.b64encode(content).decode()}


def milliseconds(seconds: float) -> int:
    """Unix seconds as QStash shows times."""
    return int(seconds * 1000)


async def note(
    db: Connection,
    stored: Stored,
    state: str,
    *,
    answer: Answer | None = None,
    next_at: float | None = None,
) -> None:
    """Append an event."""
    draft = stored.draft
    await db.execute(
        "INSERT INTO events (at, message_id, state, url, label, schedule_id, response_status,"
        " error, next_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            time.time(),
            stored.id,
            state,
            draft.destination,
            draft.label,
            draft.schedule_id,
            answer.status if answer else None,
            answer.error if answer else None,
            next_at,
        ],
    )


async def events(db: Connection, asked: Asked) -> dict[str, Any]:
    """A page of events, newest first, in QStash's form.

    Raises:
        Refused: the cursor is none of ours.
    """
    if asked.cursor is not None and not re.fullmatch("[0-9]{1,18}", asked.cursor):
        raise Refused("invalid cursor")
    count = min(asked.count or MOST_EVENTS, MOST_EVENTS)
    cursor = await db.execute(
        """
        SELECT * FROM events
         WHERE (%(cursor)s::int8 IS NULL OR number < %(cursor)s::int8)
           AND (%(message_id)s::text[] IS NULL OR message_id = ANY(%(message_id)s))
           AND (%(message_ids)s::text[] IS NULL OR message_id = ANY(%(message_ids)s))
           AND (%(state)s::text[] IS NULL OR state = ANY(%(state)s))
           AND (%(url)s::text[] IS NULL OR url = ANY(%(url)s))
           AND (%(label)s::text[] IS NULL OR label = ANY(%(label)s))
           AND (%(schedule_id)s::text[] IS NULL OR schedule_id = ANY(%(schedule_id)s))
           AND (%(from_date)s::float8 IS NULL OR at >= %(from_date)s)
           AND (%(to_date)s::float8 IS NULL OR at <= %(to_date)s)
         ORDER BY number DESC LIMIT %(limit)s
        """,
        {**asked.values(), "limit": count + 1},
    )
    found = await cursor.fetchall()
    answer: dict[str, Any] = {"events": [_event_json(row) for row in found[:count]]}
    if len(found) > count:
        answer["cursor"] = str(found[count - 1]["number"])
    return answer


def _event_json(row: DictRow) -> dict[str, Any]:
    shown = {
        "time": milliseconds(row["at"]),
        "messageId": row["message_id"],
        "state": row["state"],
        "url": row["url"],
        "label": row["label"],
        "scheduleId": row["schedule_id"],
        "responseStatus": row["response_status"],
        "error": row["error"],
        "nextDeliveryTime": milliseconds(row["next_at"]) if row["next_at"] else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


async def forget_old(db: Connection) -> None:
    """Delete what is over and old; dead letters stay until somebody deletes them."""
    old = time.time() - KEEP_SECONDS
    await db.execute(
        """
        DELETE FROM messages m
         WHERE state <> 'ACTIVE' AND created_at < %s
           AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.message_id = m.id)
        """,
        [old],
    )
    await db.execute("DELETE FROM events WHERE at < %s", [old])
    await db.execute("DELETE FROM deduplication WHERE expires_at < %s", [time.time()])
