"""Dead letters: messages that were given up, with the last answer that they got."""

from __future__ import annotations

import json
import time
from typing import Any

from psycopg.rows import DictRow

from local.qstash import store
from local.qstash.asked import Asked
from local.qstash.store import Answer, Stored, header_json, message_json, stored_of, text_json
from local.qstash.tables import Connection, new_id

MOST_LISTED = 100


async def bury(db: Connection, stored: Stored, answer: Answer) -> str:
    """Make a dead letter of a message; its id."""
    dead_id = new_id("dlq")
    await store.finish(db, stored.id, "FAILED")
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
    await store.note(db, stored, "FAILED", answer=answer)
    return dead_id


async def page(db: Connection, asked: Asked) -> dict[str, Any]:
    """A page of dead letters, newest first, in QStash's form."""
    count = min(asked.count or MOST_LISTED, MOST_LISTED)
    found = await _find(db, asked, limit=count + 1)
    answer: dict[str, Any] = {"messages": [_dead_json(row) for row in found[:count]]}
    if len(found) > count:
        answer["cursor"] = found[count - 1]["dead_id"]
    return answer


async def find(db: Connection, dead_id: str) -> dict[str, Any] | None:
    """One dead letter in QStash's form."""
    found = await _find(db, Asked(dlq_ids=[dead_id]), limit=1)
    return _dead_json(found[0]) if found else None


async def ids(db: Connection, asked: Asked) -> tuple[list[str], str | None]:
    """The ids of a page, and the cursor of the next one."""
    count = min(asked.count or MOST_LISTED, MOST_LISTED)
    found = [str(row["dead_id"]) for row in await _find(db, asked, limit=count + 1)]
    return found[:count], found[count - 1] if len(found) > count else None


async def _find(db: Connection, asked: Asked, *, limit: int) -> list[DictRow]:
    cursor = await db.execute(
        """
        SELECT d.id AS dead_id, d.response_status, d.response_headers, d.response_body, m.*
          FROM dead_letters d JOIN messages m ON m.id = d.message_id
         WHERE (%(cursor)s::text IS NULL OR d.id < %(cursor)s)
           AND (%(dlq_ids)s::text[] IS NULL OR d.id = ANY(%(dlq_ids)s))
           AND (%(message_id)s::text[] IS NULL OR m.id = ANY(%(message_id)s))
           AND (%(url)s::text[] IS NULL OR m.draft->>'destination' = ANY(%(url)s))
           AND (%(label)s::text[] IS NULL OR m.draft->>'label' = ANY(%(label)s))
           AND (%(schedule_id)s::text[] IS NULL OR m.draft->>'schedule_id' = ANY(%(schedule_id)s))
           AND (%(flow_key)s::text[] IS NULL OR m.draft->>'flow_key' = ANY(%(flow_key)s))
           AND (%(response_status)s::int8[] IS NULL OR d.response_status = ANY(%(response_status)s))
           AND (%(from_date)s::float8 IS NULL OR d.at >= %(from_date)s)
           AND (%(to_date)s::float8 IS NULL OR d.at <= %(to_date)s)
         ORDER BY d.id DESC LIMIT %(limit)s
        """,
        {**asked.values(), "limit": limit},
    )
    return await cursor.fetchall()


def _dead_json(row: DictRow) -> dict[str, Any]:
    return {
        **message_json(stored_of(row)),
        "dlqId": row["dead_id"],
        "responseStatus": row["response_status"],
        "responseHeader": header_json(row["response_headers"]),
        **text_json("responseBody", bytes(row["response_body"])),
    }


async def take(db: Connection, dead_ids: list[str]) -> list[Stored]:
    """Remove dead letters, for deleting or retrying; the messages behind them, oldest first."""
    cursor = await db.execute(
        """
        WITH gone AS (DELETE FROM dead_letters WHERE id = ANY(%s) RETURNING id, message_id)
        SELECT m.* FROM messages m JOIN gone ON gone.message_id = m.id ORDER BY gone.id
        """,
        [dead_ids],
    )
    return [stored_of(row) for row in await cursor.fetchall()]
