"""What handlers ask for: the services, a session's id, and that no stray query came along.

All of them are `async` and wait for nothing: of a plain function FastAPI would wait for a thread,
once for each in every request.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request

from backend.errors import NON_RETRYABLE_HEADER
from backend.metrics import Metrics
from backend.schemas import Problem
from pipeline.errors import InvalidInput, NotFound
from pipeline.services import Services


async def services(request: Request) -> Services:
    """The application's services."""
    held: Services = request.app.state.services
    return held


async def metrics(request: Request) -> Metrics:
    """The application's metrics."""
    held: Metrics = request.app.state.metrics
    return held


async def session_id(
    request: Request, session: Annotated[str, Path(alias="id", description="A session's id")]
) -> UUID:
    """The id in the path; what is no id names no session."""
    try:
        found = UUID(session)
    except ValueError as error:
        raise NotFound from error
    return note_session(request, found)


def note_session(request: Request, session: UUID) -> UUID:
    """Let the request's log line name the session."""
    request.state.session = str(session)
    return session


async def no_query(request: Request) -> None:
    """Refuse query parameters where none are known."""
    if request.query_params:
        raise InvalidInput("This address takes no query parameters.")


ServicesHeld = Annotated[Services, Depends(services)]
MetricsHeld = Annotated[Metrics, Depends(metrics)]
SessionId = Annotated[UUID, Depends(session_id)]
NoQuery = Depends(no_query)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these answers have the one error shape."""
    return {status: {"model": Problem, **_SAID.get(status, {})} for status in statuses}


_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait, where somebody said so.",
        "schema": {"type": "integer"},
    }
}
_SAID: dict[int, dict[str, Any]] = {
    400: {"description": "The request lacks what it must have."},
    401: {"description": "Who calls is not known."},
    404: {"description": "There is no such thing, or no longer."},
    409: {"description": "Not as things stand now."},
    413: {"description": "The body is above its limit."},
    415: {"description": "Nothing in it can be decoded as audio."},
    422: {"description": "A value breaks a rule; the sentence names the field."},
    429: {"description": "Asked too often.", "headers": _RETRY_AFTER},
    489: {
        "description": "No retry can mend it; QStash stops.",
        "headers": {NON_RETRYABLE_HEADER: {"schema": {"const": "true"}}},
    },
    500: {"description": "Something is not set up, or nobody foresaw it."},
    503: {"description": "Trouble that may pass: try again.", "headers": _RETRY_AFTER},
}
