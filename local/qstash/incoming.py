"""Requests: who may ask, what they sent, and refusals in QStash's form."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.qstash.delivery import Courier
from local.qstash.message import Refused

MOST_BYTES = 1 << 20
"""QStash's smallest plan takes messages of one megabyte."""
Handler = Callable[[Request], Awaitable[Response]]
Parsed = TypeVar("Parsed")


class BatchItem(BaseModel):
    """One message of a batch."""

    model_config = ConfigDict(strict=True)

    destination: str
    headers: dict[str, str] = {}
    body: str | None = None
    queue: str | None = None


class MessageIds(BaseModel):
    """Which messages."""

    message_ids: list[str] | None = Field(default=None, alias="messageIds")


class DeadIds(BaseModel):
    """Which dead letters."""

    dlq_ids: list[str] = Field(alias="dlqIds")


class Switches(BaseModel):
    """The faults of the delivering side."""

    model_config = ConfigDict(extra="forbid")

    deliver_twice: int = 0
    forget_answer: int = 0


BATCH = TypeAdapter(list[BatchItem])
MESSAGE_IDS = TypeAdapter(MessageIds)
DEAD_IDS = TypeAdapter(DeadIds)
SWITCHES = TypeAdapter(Switches)


def guarded(handler: Handler) -> Handler:
    """Ask for the token, and answer refusals as QStash does."""

    async def guarded(request: Request) -> Response:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        token: str = request.app.state.token
        known = hmac.compare_digest(given.encode(), token.encode())
        if kind.lower() != "bearer" or not known:
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        return await answering(handler)(request)

    return guarded


def answering(handler: Handler) -> Handler:
    """Turn refusals and trouble with the database into answers."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            return JSONResponse({"error": refused.message}, status_code=refused.status)
        except psycopg.DataError:
            # An id or a filter that no text of Postgres can be, such as one with a null in it.
            return JSONResponse({"error": "invalid request"}, status_code=400)
        except psycopg.OperationalError:
            return JSONResponse({"error": "the database does not answer"}, status_code=503)

    return answered


def courier_of(request: Request) -> Courier:
    """The server's courier."""
    courier: Courier = request.app.state.courier
    return courier


def destination_of(request: Request, prefix: str) -> str:
    """What follows the prefix in the raw path, query included: just as it was appended."""
    raw: str = request.scope["raw_path"].decode("latin-1").removeprefix(prefix)
    query = request.scope["query_string"].decode("latin-1")
    return f"{raw}?{query}" if query else raw


async def body_of(request: Request) -> bytes:
    """The body.

    Raises:
        Refused: it is larger than a message may be.
    """
    held = bytearray()
    async for part in request.stream():
        held += part
        if len(held) > MOST_BYTES:
            raise Refused("message is too large", status=413)
    return bytes(held)


def parse(kind: TypeAdapter[Parsed], content: bytes) -> Parsed:
    """JSON of a known form.

    Raises:
        Refused: it is another.
    """
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        told = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in told["loc"])
        raise Refused(f"invalid body: {place} {told['msg']}".replace(":  ", ": ")) from error
