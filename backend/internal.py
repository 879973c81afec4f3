"""The webhooks of the queue: process, failed, sweep. Verified first, on the very bytes."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.dependencies import ServicesHeld, note_session, problems
from backend.errors import delivery_response
from backend.schemas import DeliveryOut, MarkedOut, SweepOut
from pipeline.dead_letter import mark_dead
from pipeline.errors import InvalidRequest, RostrumError, Unforeseen
from pipeline.letter import FailureCallback
from pipeline.log_lines import log_unforeseen
from pipeline.process import Delivery, process_session
from pipeline.signature import verify_delivery
from pipeline.sweep import sweep

router = APIRouter(prefix="/api/internal", tags=["queue"], responses=problems(401, 413, 500))


signature = APIKeyHeader(
    name="Upstash-Signature",
    scheme_name="QStash",
    description="QStash's token for this very body and address",
    auto_error=False,
)
COUNT_DIGITS = 3
"""QStash delivers less often than these can say; what is longer says nothing."""


class Message(BaseModel):
    """What `enqueue_processing` publishes."""

    model_config = ConfigDict(frozen=True)

    session_id: str = Field(alias="sessionId", min_length=1)
    run_id: UUID | None = Field(None, alias="runId")


async def signed_body(
    request: Request,
    services: ServicesHeld,
    token: Annotated[str | None, Security(signature)],
) -> bytes:
    """The body as received, once its signature was verified for this very address."""
    body = await request.body()
    settings = services.settings
    urls = {
        "process": settings.process_url,
        "failed": settings.failed_url,
        "sweep": settings.sweep_url,
    }
    # What was published, not what arrived: behind a proxy the two differ.
    url = urls[request.url.path.rpartition("/")[2]]
    verify_delivery(settings, body=body, signature=token, url=url, now=services.now())
    return body


SignedBody = Annotated[bytes, Depends(signed_body)]

_PROCESS_DOCUMENT: dict[str, Any] = {
    "parameters": [
        {
            "in": "header",
            "name": "Upstash-Retried",
            "description": "How many deliveries of this message came before.",
            "schema": {"type": "integer", "default": 0},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sessionId"],
                    "properties": {
                        "sessionId": {"type": "string", "minLength": 1},
                        "runId": {"type": ["string", "null"], "format": "uuid"},
                    },
                }
            }
        },
    },
}
_FAILED_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sourceBody"],
                    "properties": {
                        "sourceBody": {
                            "type": "string",
                            "contentEncoding": "base64",
                            "description": "The message that was given up.",
                        }
                    },
                }
            }
        },
    },
}


@router.post(
    "/process",
    summary="Process one delivery",
    response_model=DeliveryOut,
    response_model_exclude_none=True,
    responses=problems(400, 489, 503),
    openapi_extra=_PROCESS_DOCUMENT,
)
async def process(request: Request, services: ServicesHeld, body: SignedBody) -> JSONResponse:
    """Work until the session is COMPLETED, or say why not, and whether to retry.

    The one handler that is not a plain `def`: deliveries last minutes, so they have threads
    of their own and never take those of the API.
    """
    received_at = time.monotonic()
    try:
        delivery = _delivery(body, request.headers.get("upstash-retried", ""), received_at)
        note_session(request, delivery.session_id)
        done = await anyio.to_thread.run_sync(
            partial(process_session, services, delivery),
            limiter=request.app.state.delivery_threads,
        )
    except RostrumError as error:
        return delivery_response(error)
    except Exception as error:  # noqa: BLE001 - recorded on the session; the log gets the cause
        log_unforeseen(error)
        return delivery_response(Unforeseen())
    if done.duplicate:
        request.state.code = "DUPLICATE"
        return JSONResponse({"ok": True, "duplicate": True})
    request.state.code = "COMPLETED"
    return JSONResponse({"ok": True, "status": "COMPLETED"})


def _delivery(body: bytes, retried: str, received_at: float) -> Delivery:
    """The message, and how many deliveries came before."""
    message = _message(body)
    return Delivery(_session_of(message), message.run_id, _count_in(retried), received_at)


def _count_in(retried: str) -> int:
    """A count of earlier deliveries; what is none counts as the first."""
    is_count = retried.isascii() and retried.isdigit() and len(retried) <= COUNT_DIGITS
    return int(retried) if is_count else 0


def _message(body: bytes) -> Message:
    try:
        return Message.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRequest from error


def _session_of(message: Message) -> UUID:
    try:
        return UUID(message.session_id)
    except ValueError:
        # A session that cannot exist is answered as one that does not.
        return UUID(int=0)


@router.post(
    "/failed",
    summary="Take QStash's failure callback",
    responses=problems(400, 503),
    openapi_extra=_FAILED_DOCUMENT,
)
def failed(request: Request, services: ServicesHeld, body: SignedBody) -> MarkedOut:
    """Record that the queue has given a run up; a stale run is ignored.

    A message that names no run of ours is ignored, too: refusing its callback would only
    bring the callback again.
    """
    try:
        callback = FailureCallback.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRequest("The body is not a failure callback.") from error
    try:
        message = _message(callback.source_body)
    except InvalidRequest:
        return MarkedOut(marked=False)
    session_id = note_session(request, _session_of(message))
    marked = mark_dead(services, session_id, message.run_id, message_id=callback.message_id)
    return MarkedOut(marked=marked)


@router.post("/sweep", summary="Sweep once", responses=problems(503))
def sweep_once(services: ServicesHeld, _body: SignedBody) -> SweepOut:
    """Finish what a crash left, and say what was done."""
    return SweepOut(**asdict(sweep(services)))
