"""Learners over HTTP: their profile and consents, everything held on them, and its erasure."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from backend.dependencies import NoQuery, ServicesHeld, problems
from backend.learner import ConsentsOut, ExportOut, ReceiptOut
from backend.schemas import ConsentsIn, ProfileOut, UserId
from pipeline import consenting, removal, review
from pipeline.consent import Consents

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


@router.get("/{id:path}/consents", summary="Read what a learner agrees to")
def read_consents(services: ServicesHeld, user_id: LearnerId) -> ConsentsOut:
    """What is obeyed now."""
    return ConsentsOut.of(consenting.read(services, user_id))


@router.put("/{id:path}/consents", summary="Write down what a learner agrees to")
def write_consents(services: ServicesHeld, user_id: LearnerId, agreed: ConsentsIn) -> ConsentsOut:
    """Keep it and obey it at once; a learner who is new is made. Sent again it changes nothing."""
    return ConsentsOut.of(consenting.write(services, user_id, Consents(**agreed.model_dump())))


@router.delete("/{id:path}", summary="Erase a learner")
def erase(services: ServicesHeld, user_id: LearnerId) -> ReceiptOut:
    """Delete everything held on a learner, and say how much that was."""
    return ReceiptOut.model_validate(removal.erase_learner(services, user_id))
