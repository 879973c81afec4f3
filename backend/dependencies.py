"""What handlers ask for: the services, a session's id, and that no stray query came along."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request

from backend.metrics import Metrics
from backend.schemas import Problem
from pipeline.errors import InvalidInput, NotFound
from pipeline.services import Services


def services(request: Request) -> Services:
    """The application's services."""
    held: Services = request.app.state.services
    return held


def metrics(request: Request) -> Metrics:
    """The application's metrics."""
    held: Metrics = request.app.state.metrics
    return held


def session_id(session: Annotated[str, Path(alias="id", description="A session's id")]) -> UUID:
    """The id in the path; what is no id names no session."""
    try:
        return UUID(session)
    except ValueError as error:
        raise NotFound from error


def no_query(request: Request) -> None:
    """Refuse query parameters where none are known."""
    if request.query_params:
        raise InvalidInput("This address takes no query parameters.")


ServicesHeld = Annotated[Services, Depends(services)]
MetricsHeld = Annotated[Metrics, Depends(metrics)]
SessionId = Annotated[UUID, Depends(session_id)]
NoQuery = Depends(no_query)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these answers have the one error shape."""
    return {status: {"model": Problem} for status in statuses}
