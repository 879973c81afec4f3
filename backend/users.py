"""Learners over HTTP: their profile, everything held on them, and its erasure."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from backend.dependencies import NoQuery, ServicesHeld, problems
from backend.schemas import ProfileOut, UserId
from pipeline import intake, review

router = APIRouter(
    prefix="/api/users",
    tags=["users"],
    responses=problems(401, 404, 422, 503),
    dependencies=[NoQuery],
)

LearnerId = Annotated[UserId, Path(alias="id", description="The company's id of the learner")]


@router.get("/{id}/pattern-profile", summary="Read a learner's patterns")
def profile(services: ServicesHeld, user_id: LearnerId) -> ProfileOut:
    """Patterns over all sessions, most widespread first."""
    return ProfileOut.model_validate(review.profile(services, user_id))


@router.get("/{id}/export", summary="Export a learner")
def export(services: ServicesHeld, user_id: LearnerId) -> dict[str, Any]:
    """Everything held on a learner."""
    return review.export_learner(services, user_id)


@router.delete("/{id}", status_code=204, summary="Erase a learner")
def erase(services: ServicesHeld, user_id: LearnerId) -> None:
    """Delete everything held on a learner."""
    intake.erase_learner(services, user_id)
