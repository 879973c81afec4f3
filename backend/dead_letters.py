"""Dead letters over HTTP: list what the queue gave up, retry it, delete it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from backend.dependencies import NoQuery, ServicesHeld, note_session, problems
from backend.schemas import LettersOut, LettersQuery, RetriedOut, RetryIn, RetryReportOut
from pipeline import dead_letter

router = APIRouter(
    prefix="/api/dead-letters", tags=["dead letters"], responses=problems(401, 422, 429, 500, 503)
)

LetterId = Annotated[str, Path(alias="id", description="The queue's id of the dead letter")]


@router.get("", summary="List dead letters")
def list_letters(services: ServicesHeld, query: Annotated[LettersQuery, Query()]) -> LettersOut:
    """One page, in the queue's order."""
    page = dead_letter.listed(services, code=query.code, cursor=query.cursor, limit=query.limit)
    return LettersOut.model_validate(page)


@router.post(
    "/retry",
    summary="Retry all that can be",
    responses=problems(400, 413),
    dependencies=[NoQuery],
)
def retry_all(services: ServicesHeld, wanted: RetryIn) -> RetryReportOut:
    """Retry every dead letter that a retry can help, of one code where one is given."""
    report = dead_letter.retry_all(services, code=wanted.code)
    return RetryReportOut.model_validate(report)


@router.post(
    "/{id}/retry",
    status_code=202,
    summary="Retry a dead letter",
    responses=problems(404, 409),
    dependencies=[NoQuery],
)
def retry(services: ServicesHeld, request: Request, letter_id: LetterId) -> RetriedOut:
    """Open its run again and have the queue deliver it."""
    retried = dead_letter.retry(services, letter_id)
    note_session(request, retried.session_id)
    return RetriedOut.model_validate(retried)


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete a dead letter",
    responses=problems(404),
    dependencies=[NoQuery],
)
def delete(services: ServicesHeld, letter_id: LetterId) -> None:
    """Forget it; its session stays as it is."""
    dead_letter.delete(services, letter_id)
