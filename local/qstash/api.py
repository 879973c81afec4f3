"""The HTTP side: publish, messages, dead letters, schedules, events, keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.qstash import dead_letters, schedules, store
from local.qstash.asked import read_query
from local.qstash.engine import Workers
from local.qstash.incoming import (
    BATCH,
    DEAD_IDS,
    MESSAGE_IDS,
    SWITCHES,
    BatchItem,
    Handler,
    answering,
    body_of,
    courier_of,
    destination_of,
    guarded,
    parse,
)
from local.qstash.message import Draft, Refused, read
from local.qstash.signature import SigningKeys
from local.qstash.tables import new_id


async def publish(request: Request) -> Response:
    """Take one message."""
    body = await body_of(request)
    draft = read(destination_of(request, "/v2/publish/"), request.headers, body)
    async with courier_of(request).transaction() as db:
        message_id, known = await courier_of(request).publish(db, draft)
    return JSONResponse(_taken(message_id, known=known), status_code=202 if known else 201)


async def batch(request: Request) -> Response:
    """Take several messages, or none."""
    drafts = [_batched(item) for item in parse(BATCH, await body_of(request))]
    courier = courier_of(request)
    async with courier.transaction() as db:
        taken = [await courier.publish(db, draft) for draft in drafts]
    return JSONResponse([_taken(message_id, known=known) for message_id, known in taken])


def _batched(item: BatchItem) -> Draft:
    if item.queue is not None:
        raise Refused("this local server has no queues")
    return read(item.destination, item.headers, (item.body or "").encode())


def _taken(message_id: str, *, known: bool) -> dict[str, Any]:
    return {"messageId": message_id, **({"deduplicated": True} if known else {})}


async def get_message(request: Request) -> Response:
    """Show a message that is not over yet."""
    async with courier_of(request).transaction() as db:
        stored = await store.find(db, request.path_params["id"])
    if stored is None or stored.state != "ACTIVE":
        raise Refused("message not found", status=404)
    return JSONResponse(store.message_json(stored))


async def cancel_message(request: Request) -> Response:
    """Stop a message."""
    async with courier_of(request).transaction() as db:
        stopped = await store.cancel(db, [request.path_params["id"]])
    if not stopped:
        raise Refused("message not found", status=404)
    return JSONResponse({"cancelled": stopped}, status_code=202)


async def cancel_messages(request: Request) -> Response:
    """Stop the messages that the body names; without a body, all."""
    body = await body_of(request)
    wanted = parse(MESSAGE_IDS, body).message_ids if body else None
    async with courier_of(request).transaction() as db:
        return JSONResponse({"cancelled": await store.cancel(db, wanted)})


async def list_dead(request: Request) -> Response:
    """Show dead letters, newest first."""
    async with courier_of(request).transaction() as db:
        return JSONResponse(await dead_letters.page(db, read_query(request.query_params)))


async def get_dead(request: Request) -> Response:
    """Show one dead letter."""
    async with courier_of(request).transaction() as db:
        found = await dead_letters.find(db, request.path_params["id"])
    if found is None:
        raise Refused("message not found in the dlq", status=404)
    return JSONResponse(found)


async def delete_dead(request: Request) -> Response:
    """Delete one dead letter."""
    async with courier_of(request).transaction() as db:
        if not await dead_letters.take(db, [request.path_params["id"]]):
            raise Refused("message not found in the dlq", status=404)
    return JSONResponse({"deleted": 1})


async def delete_many_dead(request: Request) -> Response:
    """Delete the dead letters that the body names."""
    wanted = parse(DEAD_IDS, await body_of(request)).dlq_ids
    async with courier_of(request).transaction() as db:
        return JSONResponse({"deleted": len(await dead_letters.take(db, wanted))})


async def retry_dead(request: Request) -> Response:
    """Make a new message of a dead letter."""
    made = await _retry(request, [request.path_params["id"]])
    if not made:
        raise Refused("message not found in the dlq", status=404)
    return JSONResponse(made[0], status_code=201)


async def retry_many_dead(request: Request) -> Response:
    """Make new messages of the dead letters that the query asks for, at most a page of them."""
    async with courier_of(request).transaction() as db:
        wanted, cursor = await dead_letters.ids(db, read_query(request.query_params))
    answer: dict[str, Any] = {"responses": await _retry(request, wanted)}
    if cursor:
        answer["cursor"] = cursor
    return JSONResponse(answer)


async def _retry(request: Request, dead_ids: list[str]) -> list[dict[str, Any]]:
    courier = courier_of(request)
    made = []
    async with courier.transaction() as db:
        for stored in await dead_letters.take(db, dead_ids):
            # Its deduplication id and its delay have done their work.
            draft = replace(stored.draft, deduplication_id=None, not_before=0.0, delay_seconds=0.0)
            message_id, known = await courier.publish(db, draft)
            made.append(_taken(message_id, known=known))
    return made


async def put_schedule(request: Request) -> Response:
    """Create or replace a schedule."""
    body = await body_of(request)
    draft = read(destination_of(request, "/v2/schedules/"), request.headers, body)
    schedule_id = request.headers.get("upstash-schedule-id") or new_id("scd")
    cron = request.headers.get("upstash-cron", "")
    async with courier_of(request).transaction() as db:
        await schedules.put(db, schedule_id, cron, draft)
    return JSONResponse({"scheduleId": schedule_id}, status_code=201)


async def list_schedules(request: Request) -> Response:
    """Show all schedules."""
    async with courier_of(request).transaction() as db:
        return JSONResponse(await schedules.listed(db))


async def get_schedule(request: Request) -> Response:
    """Show one schedule."""
    async with courier_of(request).transaction() as db:
        found = await schedules.listed(db, schedule_id=request.path_params["id"])
    if not found:
        raise Refused("schedule not found", status=404)
    return JSONResponse(found[0])


async def delete_schedule(request: Request) -> Response:
    """Delete a schedule."""
    async with courier_of(request).transaction() as db:
        if not await schedules.remove(db, request.path_params["id"]):
            raise Refused("schedule not found", status=404)
    return JSONResponse({"deleted": 1})


async def pause_schedule(request: Request) -> Response:
    """Pause or resume a schedule, by the last word of the path."""
    paused = request.url.path.endswith("/pause")
    async with courier_of(request).transaction() as db:
        if not await schedules.pause(db, request.path_params["id"], paused=paused):
            raise Refused("schedule not found", status=404)
    return JSONResponse({"paused": paused})


async def events(request: Request) -> Response:
    """Show what happened, newest first."""
    async with courier_of(request).transaction() as db:
        return JSONResponse(await store.events(db, read_query(request.query_params)))


async def show_keys(request: Request) -> Response:
    """Show the signing keys, after a rotation where one is asked for."""
    held: SigningKeys = request.app.state.keys
    if request.method == "POST":
        held.rotate()
    return JSONResponse({"current": held.current, "next": held.next})


async def healthz(request: Request) -> Response:
    """Say whether messages are taken and delivered."""
    workers: Workers = request.app.state.workers
    async with courier_of(request).transaction() as db:
        await db.execute("SELECT 1")
    return JSONResponse({"ok": workers.are_up}, status_code=200 if workers.are_up else 503)


async def mischief(request: Request) -> Response:
    """Set the delivering side's faults: `{"deliver_twice": 1, "forget_answer": 1}`."""
    wanted = parse(SWITCHES, await body_of(request))
    switches = courier_of(request).mischief
    switches.deliver_twice = wanted.deliver_twice
    switches.forget_answer = wanted.forget_answer
    return JSONResponse({"ok": True})


async def nothing(request: Request) -> Response:
    """Say that there is no such path, in QStash's form."""
    raise Refused(f"this local server has no {request.method} of this path", status=404)


def routes() -> list[Route]:
    """Every path, the more particular first."""
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/v2/publish/{destination:path}", publish),
        ("POST", "/v2/batch", batch),
        ("GET", "/v2/messages/{id}", get_message),
        ("DELETE", "/v2/messages/{id}", cancel_message),
        ("DELETE", "/v2/messages", cancel_messages),
        ("GET", "/v2/dlq", list_dead),
        ("DELETE", "/v2/dlq", delete_many_dead),
        ("POST", "/v2/dlq/retry", retry_many_dead),
        ("POST", "/v2/dlq/retry/{id}", retry_dead),
        ("GET", "/v2/dlq/{id}", get_dead),
        ("DELETE", "/v2/dlq/{id}", delete_dead),
        ("GET", "/v2/schedules", list_schedules),
        ("GET", "/v2/schedules/{id}", get_schedule),
        ("DELETE", "/v2/schedules/{id}", delete_schedule),
        ("PATCH", "/v2/schedules/{id}/pause", pause_schedule),
        ("PATCH", "/v2/schedules/{id}/resume", pause_schedule),
        ("POST", "/v2/schedules/{destination:path}", put_schedule),
        ("GET", "/v2/events", events),
        ("GET", "/v2/logs", events),
        ("GET", "/v2/keys", show_keys),
        ("POST", "/v2/keys/rotate", show_keys),
    ]
    return [
        *(Route(path, guarded(handler), methods=[method]) for method, path, handler in table),
        Route("/healthz", answering(healthz)),
        Route("/_deliveries", answering(mischief), methods=["PUT"]),
        Route(
            "/{path:path}",
            guarded(nothing),
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        ),
    ]
