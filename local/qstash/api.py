"""The HTTP side: publish, messages, dead letters, schedules, events, keys."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.qstash import schedules, store
from local.qstash.delivery import Courier
from local.qstash.message import Draft, Refused, read
from local.qstash.store import new_id

MOST_BYTES = 1 << 20
MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """What the server takes and signs with."""

    token: str
    current: str
    next: str


Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    """Ask for the token, and answer refusals in QStash's form."""

    async def guarded(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), request.app.state.keys.token.encode()):
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        try:
            return await handler(request)
        except Refused as refused:
            return JSONResponse({"error": refused.message}, status_code=refused.status)

    return guarded


def _courier(request: Request) -> Courier:
    courier: Courier = request.app.state.courier
    return courier


def _destination(request: Request, prefix: str) -> str:
    """What follows the prefix in the raw path, query included: just as it was appended."""
    raw = request.scope["raw_path"].decode("latin-1").removeprefix(prefix)
    query = request.scope["query_string"].decode("latin-1")
    return f"{raw}?{query}" if query else str(raw)


async def publish(request: Request) -> Response:
    """Take one message."""
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise Refused("message is too large", status=413)
    draft = read(_destination(request, "/v2/publish/"), request.headers, body)
    return await _published(request, draft)


async def _published(request: Request, draft: Draft) -> Response:
    courier = _courier(request)
    async with courier.transaction() as db:
        message_id, known = await courier.publish(db, draft)
    if known:
        return JSONResponse({"messageId": message_id, "deduplicated": True}, status_code=202)
    return JSONResponse({"messageId": message_id}, status_code=201)


async def batch(request: Request) -> Response:
    """Take several messages, or none."""
    items = await _json(request)
    if not isinstance(items, list):
        raise Refused("a batch is a list of messages")
    drafts = [
        read(
            item.get("destination", ""),
            item.get("headers") or {},
            (item.get("body") or "").encode(),
        )
        for item in items
        if isinstance(item, dict)
    ]
    courier = _courier(request)
    async with courier.transaction() as db:
        taken = [await courier.publish(db, draft) for draft in drafts]
    answers = [
        {"messageId": message_id, **({"deduplicated": True} if known else {})}
        for message_id, known in taken
    ]
    return JSONResponse(answers)


async def get_message(request: Request) -> Response:
    """Show a message that is not over yet."""
    async with _courier(request).transaction() as db:
        stored = await store.find(db, request.path_params["id"])
    if stored is None or stored.state != "ACTIVE":
        raise Refused("message not found", status=404)
    return JSONResponse(store.message_json(stored))


async def cancel_message(request: Request) -> Response:
    """Stop a message."""
    async with _courier(request).transaction() as db:
        stopped = await store.cancel(db, [request.path_params["id"]])
    if not stopped:
        raise Refused("message not found", status=404)
    return JSONResponse({"cancelled": stopped}, status_code=202)


async def cancel_messages(request: Request) -> Response:
    """Stop the messages that the body names; without a body, all."""
    wanted = (await _json(request)).get("messageIds") if await request.body() else None
    async with _courier(request).transaction() as db:
        return JSONResponse({"cancelled": await store.cancel(db, wanted)})


async def list_dead(request: Request) -> Response:
    """Show dead letters, newest first."""
    known = {"messageId", "url", "label", "responseStatus"}
    filters = {name: value for name, value in request.query_params.items() if name in known}
    count = min(int(request.query_params.get("count", MOST_LISTED)), MOST_LISTED)
    async with _courier(request).transaction() as db:
        found = await store.dead_letters(
            db, before=request.query_params.get("cursor"), count=count + 1, filters=filters
        )
    answer: dict[str, Any] = {"messages": found[:count]}
    if len(found) > count:
        answer["cursor"] = found[count - 1]["dlqId"]
    return JSONResponse(answer)


async def get_dead(request: Request) -> Response:
    """Show one dead letter."""
    filters = {"dlqId": request.path_params["id"]}
    async with _courier(request).transaction() as db:
        found = await store.dead_letters(db, before=None, count=1, filters=filters)
    if not found:
        raise Refused("message not found in the dlq", status=404)
    return JSONResponse(found[0])


async def delete_dead(request: Request) -> Response:
    """Delete one dead letter, or those that the body names."""
    single = request.path_params.get("id")
    wanted = [single] if single else (await _json(request)).get("dlqIds", [])
    async with _courier(request).transaction() as db:
        taken = await store.take_dead(db, wanted)
    if single and not taken:
        raise Refused("message not found in the dlq", status=404)
    return JSONResponse({"deleted": len(taken)})


async def retry_dead(request: Request) -> Response:
    """Make new messages of dead letters: the one of the path, or those of the query."""
    single = request.path_params.get("id")
    wanted = [single] if single else request.query_params.getlist("dlqIds")
    courier = _courier(request)
    made = []
    async with courier.transaction() as db:
        for stored in await store.take_dead(db, wanted):
            # Its deduplication id has done its work: it must not swallow the new message.
            draft = replace(stored.draft, deduplication_id=None, not_before=0.0)
            made.append((await courier.publish(db, draft))[0])
    if single:
        if not made:
            raise Refused("message not found in the dlq", status=404)
        return JSONResponse({"messageId": made[0]}, status_code=201)
    return JSONResponse({"responses": [{"messageId": message_id} for message_id in made]})


async def put_schedule(request: Request) -> Response:
    """Create or replace a schedule."""
    draft = read(_destination(request, "/v2/schedules/"), request.headers, await request.body())
    schedule_id = request.headers.get("upstash-schedule-id") or new_id("scd")
    async with _courier(request).transaction() as db:
        await schedules.put(db, schedule_id, request.headers.get("upstash-cron", ""), draft)
    return JSONResponse({"scheduleId": schedule_id}, status_code=201)


async def list_schedules(request: Request) -> Response:
    """Show all schedules."""
    async with _courier(request).transaction() as db:
        return JSONResponse(await schedules.listed(db))


async def get_schedule(request: Request) -> Response:
    """Show one schedule."""
    async with _courier(request).transaction() as db:
        found = await schedules.listed(db, schedule_id=request.path_params["id"])
    if not found:
        raise Refused("schedule not found", status=404)
    return JSONResponse(found[0])


async def delete_schedule(request: Request) -> Response:
    """Delete a schedule."""
    async with _courier(request).transaction() as db:
        if not await schedules.remove(db, request.path_params["id"]):
            raise Refused("schedule not found", status=404)
    return JSONResponse({"deleted": 1})


async def pause_schedule(request: Request) -> Response:
    """Pause or resume a schedule, by the last word of the path."""
    paused = request.url.path.endswith("/pause")
    async with _courier(request).transaction() as db:
        if not await schedules.pause(db, request.path_params["id"], paused=paused):
            raise Refused("schedule not found", status=404)
    return JSONResponse({"paused": paused})


async def events(request: Request) -> Response:
    """Show what happened, newest first."""
    count = min(int(request.query_params.get("count", MOST_LISTED)), 1000)
    message_id = request.query_params.get("messageId")
    async with _courier(request).transaction() as db:
        return JSONResponse({"events": await store.events(db, message_id=message_id, count=count)})


async def keys(request: Request) -> Response:
    """Show the signing keys."""
    held: Keys = request.app.state.keys
    return JSONResponse({"current": held.current, "next": held.next})


async def healthz(_request: Request) -> Response:
    """Say that the server is up."""
    return JSONResponse({"ok": True})


async def mischief(request: Request) -> Response:
    """Set the delivering side's faults: `{"deliver_twice": 1, "forget_answer": 1}`."""
    wanted = await _json(request)
    switches = _courier(request).mischief
    switches.deliver_twice = int(wanted.get("deliver_twice", 0))
    switches.forget_answer = int(wanted.get("forget_answer", 0))
    return JSONResponse({"ok": True})


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise Refused("the body is not valid JSON") from error


def routes() -> list[Route]:
    """Every path, the more particular first."""
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/v2/publish/{destination:path}", publish),
        ("POST", "/v2/batch", batch),
        ("GET", "/v2/messages/{id}", get_message),
        ("DELETE", "/v2/messages/{id}", cancel_message),
        ("DELETE", "/v2/messages", cancel_messages),
        ("GET", "/v2/dlq", list_dead),
        ("DELETE", "/v2/dlq", delete_dead),
        ("POST", "/v2/dlq/retry", retry_dead),
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
        ("GET", "/v2/keys", keys),
    ]
    guarded = [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]
    return [
        *guarded,
        Route("/healthz", healthz),
        Route("/_deliveries", mischief, methods=["PUT"]),
    ]
