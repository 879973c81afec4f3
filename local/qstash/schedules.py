"""Schedules: cron lines that publish. Due ones are locked, published and moved on in one go."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from croniter import croniter
from psycopg.rows import DictRow

from local.qstash.delivery import Courier
from local.qstash.message import Draft, Refused
from local.qstash.store import draft_json, milliseconds
from local.qstash.tables import Connection

LOOK_SECONDS = 0.5
_CRON = re.compile(r"(?:CRON_TZ=(\S+)\s+)?(\S+(?:\s+\S+){4})", re.ASCII)
"""Five fields, in UTC where no zone is named."""

log = logging.getLogger(__name__)


async def put(db: Connection, schedule_id: str, cron: str, draft: Draft) -> None:
    """Create or replace a schedule.

    Raises:
        Refused: the cron line cannot be read, or never comes.
    """
    now = time.time()
    # Each firing is meant: a deduplication id would swallow the second one.
    kept = replace(draft, schedule_id=schedule_id, deduplication_id=None)
    await db.execute(
        """
        INSERT INTO schedules (id, cron, draft, body, created_at, next_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET cron = excluded.cron, draft = excluded.draft,
            body = excluded.body, next_at = excluded.next_at
        """,
        [schedule_id, cron, json.dumps(kept.as_json()), draft.body, now, next_time(cron, now)],
    )


def next_time(cron: str, after: float) -> float:
    """When a cron line comes next, in unix seconds.

    Raises:
        Refused: it cannot be read, or never comes.
    """
    found = _CRON.fullmatch(cron.strip())
    if found is None:
        raise Refused("invalid cron expression: five fields are expected")
    try:
        begin = datetime.fromtimestamp(after, ZoneInfo(found[1] or "UTC"))
        coming: datetime = croniter(found[2], begin).get_next(datetime)
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        # OSError: a zone that is named like a folder.
        raise Refused("invalid cron expression") from error
    return coming.timestamp()


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
            await courier.publish(db, _draft(row))
            await db.execute(
                "UPDATE schedules SET last_at = %s, next_at = %s WHERE id = %s",
                [now, next_time(row["cron"], now), row["id"]],
            )
    return len(due)


def _draft(row: DictRow) -> Draft:
    return replace(Draft.from_json(row["draft"], bytes(row["body"])), schedule_id=row["id"])


async def keep_publishing(courier: Courier) -> None:
    """Look for due schedules until cancelled."""
    while True:
        try:
            await publish_due(courier)
        except psycopg.Error as error:
            log.warning("schedules_wait %s", type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def listed(db: Connection, *, schedule_id: str | None = None) -> list[dict[str, Any]]:
    """Schedules in QStash's form."""
    cursor = await db.execute(
        "SELECT * FROM schedules WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY created_at",
        {"id": schedule_id},
    )
    return [_json(row) for row in await cursor.fetchall()]


def _json(row: DictRow) -> dict[str, Any]:
    draft = _draft(row)
    shown = {
        **draft_json(draft),
        "scheduleId": row["id"],
        "destination": draft.destination,
        "cron": row["cron"],
        "createdAt": milliseconds(row["created_at"]),
        "retries": draft.retries,
        "delay": int(draft.delay_seconds) or None,
        "isPaused": row["paused"],
        "nextScheduleTime": milliseconds(row["next_at"]),
        "lastScheduleTime": milliseconds(row["last_at"]) if row["last_at"] else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


async def remove(db: Connection, schedule_id: str) -> bool:
    """Delete a schedule; False where there is none."""
    cursor = await db.execute("DELETE FROM schedules WHERE id = %s", [schedule_id])
    return cursor.rowcount == 1


async def pause(db: Connection, schedule_id: str, *, paused: bool) -> bool:
    """Pause or resume; what came due meanwhile is not made up for. False: there is none."""
    cursor = await db.execute("SELECT cron FROM schedules WHERE id = %s FOR UPDATE", [schedule_id])
    row = await cursor.fetchone()
    if row is None:
        return False
    await db.execute(
        "UPDATE schedules SET paused = %s, next_at = %s WHERE id = %s",
        [paused, next_time(row["cron"], time.time()), schedule_id],
    )
    return True
