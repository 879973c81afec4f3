"""The webhooks of the queue: process, failed, sweep. Verified first, on the very bytes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.dependencies import MetricsHeld, ServicesHeld, problems
from backend.errors import delivery_response
from backend.request_log import log_unforeseen
from backend.schemas import DeliveryOut, MarkedOut, SweepOut
from pipeline.dead_letter import mark_dead
from pipeline.errors import InvalidRequest, RostrumError, Unforeseen
from pipeline.process import Delivery, process_session
from pipeline.queue import verify_delivery
from pipeline.sweep import sweep

router = APIRouter(prefix="/api/internal", tags=["queue"], responses=problems(401, 413, 500))


class Message(BaseModel):
    """What `enqueue_processing` publishes."""

    model_config = ConfigDict(frozen=True)

    session_id: str = Field(alias="sessionId", min_length=1)
    run_id: UUID | None = Field(None, alias="runId")


class FailureCallback(BaseModel):
    """The part of QStash's failure callback that we read."""

    model_config = ConfigDict(frozen=True)

    source_body: str = Field(alias="sourceBody")


async def signed_body(
    request: Request,
    services: ServicesHeld,
    upstash_signature: Annotated[str | None, Header()] = None,
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
    verify_delivery(settings, body=body, signature=upstash_signature, url=url, now=services.now())
    return body


SignedBody = Annotated[bytes, Depends(signed_body)]

_MESSAGE_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sessionId"],
                    "properties": {
                        "sessionId": {"type": "string"},
                        "runId": {"type": "string", "format": "uuid"},
                    },
                }
            }
        },
    }
}


@router.post(
    "/process",
    summary="Process one delivery",
    response_model=DeliveryOut,
    response_model_exclude_none=True,
    responses=problems(400, 489, 503),
    openapi_extra=_MESSAGE_SCHEMA,
)
async def process(
    request: Request,
    services: ServicesHeld,
    metrics: MetricsHeld,
    body: SignedBody,
    upstash_retried: Annotated[str, Header()] = "0",
) -> JSONResponse:
    """Work until the session is COMPLETED, or say why not, and whether to retry.

    The one handler that is not a plain `def`: deliveries last minutes, so they have threads
    of their own and never take those of the API.
    """
    try:
        delivery = _delivery(body, upstash_retried)
        done = await anyio.to_thread.run_sync(
            partial(process_session, services, delivery),
            limiter=request.app.state.delivery_threads,
        )
    except RostrumError as error:
        metrics.delivery(error.code)
        return delivery_response(error)
    except Exception as error:  # noqa: BLE001 - recorded on the session; the log gets the cause
        log_unforeseen(error)
        metrics.delivery(Unforeseen.code)
        return delivery_response(Unforeseen())
    if done.duplicate:
        metrics.delivery("DUPLICATE")
        return JSONResponse({"ok": True, "duplicate": True})
    metrics.delivery("COMPLETED")
    return JSONResponse({"ok": True, "status": "COMPLETED"})


def _delivery(body: bytes, retried: str) -> Delivery:
    """The message, and how many deliveries came before."""
    message = _message(body)
    try:
        session_id = UUID(message.session_id)
    except ValueError:
        # A session that cannot exist is answered as one that does not.
        session_id = UUID(int=0)
    return Delivery(session_id, message.run_id, int(retried) if retried.isdecimal() else 0)


def _message(body: bytes) -> Message:
    try:
        return Message.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRequest from error


@router.post(
    "/failed",
    summary="Take QStash's failure callback",
    responses=problems(400, 503),
)
def failed(services: ServicesHeld, body: SignedBody) -> MarkedOut:
    """Record that the queue has given a run up; a stale run is ignored."""
    try:
        callback = FailureCallback.model_validate_json(body)
        message = _message(base64.b64decode(callback.source_body, validate=True))
        session_id = UUID(message.session_id)
    except (ValidationError, binascii.Error, ValueError) as error:
        raise InvalidRequest("The body is not a failure callback of a run.") from error
    return MarkedOut(marked=mark_dead(services, session_id, message.run_id))


@router.post("/sweep", summary="Sweep once", responses=problems(503))
def sweep_once(services: ServicesHeld, _body: SignedBody) -> SweepOut:
    """Finish what a crash left, and say what was done."""
    return SweepOut(**asdict(sweep(services)))
