"""Schedules: cron lines that publish. Due ones are locked, published and moved on in one go."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import Any

import psycopg
from croniter import croniter

from local.qstash.delivery import Courier
from local.qstash.message import Draft, Refused
from local.qstash.store import Connection

LOOK_SECONDS = 0.5

log = logging.getLogger(__name__)


async def put(db: Connection, schedule_id: str, cron: str, draft: Draft) -> None:
    """Create or replace a schedule.

    Raises:
        Refused: the cron line cannot be read.
    """
    if not croniter.is_valid(cron):
        raise Refused("invalid cron expression")
    await db.execute(
        """
        INSERT INTO schedules (id, cron, draft, body, created_at, next_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET cron = excluded.cron, draft = excluded.draft,
            body = excluded.body, next_at = excluded.next_at
        """,
        [
            schedule_id,
            cron,
            json.dumps(draft.as_json()),
            draft.body,
            time.time(),
            _next(cron, time.time()),
        ],
    )


def _next(cron: str, after: float) -> float:
    return float(croniter(cron, after).get_next(float))


async def publish_due(courier: Courier) -> int:
    """Publish what is due; one that was missed while we were down is published once."""
    now = time.time()
    async with courier.transaction() as db:
        cursor = await db.execute(
            "SELECT * FROM schedules WHERE NOT paused AND next_at <= %s"
            " ORDER BY next_at FOR UPDATE SKIP LOCKED",
            [now],
        )
        due = await cursor.fetchall()
        for row in due:
            draft = Draft(**row["draft"], body=bytes(row["body"]))
            await courier.publish(db, replace(draft, schedule_id=row["id"]))
            await db.execute(
                "UPDATE schedules SET last_at = %s, next_at = %s WHERE id = %s",
                [now, _next(row["cron"], now), row["id"]],
            )
    return len(due)


async def keep_publishing(courier: Courier) -> None:
    """Look for due schedules until cancelled."""
    while True:
        try:
            await publish_due(courier)
        except psycopg.Error as error:
            log.warning("schedules wait: %s", type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def listed(db: Connection, *, schedule_id: str | None = None) -> list[dict[str, Any]]:
    """Schedules in QStash's form."""
    cursor = await db.execute(
        "SELECT * FROM schedules WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY created_at",
        {"id": schedule_id},
    )
    return [
        {
            "scheduleId": row["id"],
            "destination": row["draft"]["destination"],
            "cron": row["cron"],
            "createdAt": int(row["created_at"] * 1000),
            "method": row["draft"]["method"],
            "retries": row["draft"]["retries"],
            "isPaused": row["paused"],
            "nextScheduleTime": int(row["next_at"] * 1000),
            "lastScheduleTime": int(row["last_at"] * 1000) if row["last_at"] else None,
            "label": row["draft"]["label"],
        }
        async for row in cursor
    ]


async def remove(db: Connection, schedule_id: str) -> bool:
    """Delete a schedule; False where there is none."""
    cursor = await db.execute("DELETE FROM schedules WHERE id = %s", [schedule_id])
    return cursor.rowcount == 1


async def pause(db: Connection, schedule_id: str, *, paused: bool) -> bool:
    """Pause or resume; what came due meanwhile is not made up for."""
    cursor = await db.execute("SELECT cron FROM schedules WHERE id = %s", [schedule_id])
    row = await cursor.fetchone()
    if row is None:
        return False
    await db.execute(
        "UPDATE schedules SET paused = %s, next_at = %s WHERE id = %s",
        [paused, _next(row["cron"], time.time()), schedule_id],
    )
    return True
