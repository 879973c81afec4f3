"""Learners over HTTP: their profile, everything held on them, and its erasure."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from backend.dependencies import NoQuery, ServicesHeld, problems
from backend.schemas import ExportOut, ProfileOut, UserId
from pipeline import removal, review

router = APIRouter(
    prefix="/api/users",
    tags=["users"],
    responses=problems(401, 404, 422, 429, 500, 503),
    dependencies=[NoQuery],
)

# `:path`, since a learner's id is any string, and one may hold a slash.
LearnerId = Annotated[UserId, Path(alias="id", description="The company's id of the learner")]


@router.get("/{id:path}/pattern-profile", summary="Read a learner's patterns")
def profile(services: ServicesHeld, user_id: LearnerId) -> ProfileOut:
    """Patterns over all sessions, most widespread first."""
    return ProfileOut.model_validate(review.profile(services, user_id))


@router.get("/{id:path}/export", summary="Export a learner", response_model=ExportOut)
def export(services: ServicesHeld, user_id: LearnerId) -> JSONResponse:
    """Everything held on a learner: the profile, and each session whole."""
    # Straight from the pipeline: a model in between might drop what it does not know.
    return JSONResponse(review.export_learner(services, user_id))


@router.delete("/{id:path}", status_code=204, summary="Erase a learner")
def erase(services: ServicesHeld, user_id: LearnerId) -> None:
    """Delete everything held on a learner."""
    removal.erase_learner(services, user_id)
