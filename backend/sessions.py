"""Sessions over HTTP: upload, announce, confirm, list, read, run again, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio
from fastapi import APIRouter, File, Form, Header, Query, Request, Response, UploadFile

from backend.dependencies import NoQuery, ServicesHeld, SessionId, note_session, problems
from backend.detail import RunOut, SessionDetailOut
from backend.schemas import (
    ExportQuery,
    IdempotencyKey,
    Language,
    PageOut,
    PresignedOut,
    RunIn,
    SessionOut,
    SessionsQuery,
    Title,
    UploadIn,
    UploadTarget,
    UserId,
    session_out,
)
from pipeline import direct_upload, intake, removal, review
from pipeline.errors import UnsupportedAudio
from pipeline.session import SessionRow

T = TypeVar("T")

router = APIRouter(
    prefix="/api/sessions", tags=["sessions"], responses=problems(401, 422, 429, 500, 503)
)

FORM_LIMITS: Any = {"max_files": 1, "max_fields": 16, "max_part_size": 64 * 1024}
"""One recording and a few words: nothing else is worth memory."""
UPLOADS_AT_ONCE = 20
"""Of one process; others wait for their turn, their recordings on disk."""


async def _in_turn(request: Request, work: Callable[[], T]) -> T:
    """What `work` returns, in one of the threads of uploads.

    They wait for a decoder and for storage: in the API's threads, forty of them would let nobody
    read anything.
    """
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.upload_threads)


@router.post(
    "",
    status_code=201,
    summary="Upload a recording",
    responses={
        200: {"model": SessionOut, "description": "The same Idempotency-Key brought it before."},
        **problems(400, 413, 415),
    },
    dependencies=[NoQuery],
    form_limits=FORM_LIMITS,
)
async def upload(
    *,
    services: ServicesHeld,
    request: Request,
    response: Response,
    user_id: Annotated[UserId, Form(alias="userId")],
    audio: Annotated[UploadFile, File(description="Any format that FFmpeg reads")],
    title: Annotated[Title | None, Form()] = None,
    language: Annotated[Language, Form()] = "en",
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> SessionOut:
    """Take the recording and enqueue it. 200: the same Idempotency-Key brought it before."""

    def take() -> tuple[intake.Uploaded, SessionRow]:
        uploaded = intake.upload(
            services,
            audio=audio.file,
            user_id=user_id,
            title=title or None,
            language=language,
            idempotency_key=idempotency_key,
        )
        return uploaded, review.session_row(services, uploaded.session_id)

    uploaded, row = await _in_turn(request, take)
    note_session(request, uploaded.session_id)
    request.state.code = "STORED" if uploaded.created else "REPEATED"
    if not uploaded.created:
        response.status_code = 200
    return session_out(row)


@router.post(
    "/uploads",
    status_code=201,
    summary="Announce a recording",
    responses=problems(400, 413, 415),
    dependencies=[NoQuery],
)
def announce(services: ServicesHeld, request: Request, wanted: UploadIn) -> PresignedOut:
    """Make a session in CREATED and say where the app may PUT the recording."""
    if not wanted.content_type.lower().startswith(("audio/", "video/")):
        raise UnsupportedAudio
    presigned = direct_upload.presign(
        services,
        user_id=wanted.user_id,
        content_type=wanted.content_type,
        size_bytes=wanted.size_bytes,
        title=wanted.title or None,
        language=wanted.language,
    )
    note_session(request, presigned.session_id)
    short = session_out(review.session_row(services, presigned.session_id))
    return PresignedOut(
        **{name: getattr(short, name) for name in SessionOut.model_fields},
        upload=UploadTarget.model_validate(presigned),
    )


@router.post(
    "/{id}/uploaded",
    summary="Confirm a recording",
    responses=problems(404, 409),
    dependencies=[NoQuery],
)
async def confirm(services: ServicesHeld, request: Request, session_id: SessionId) -> SessionOut:
    """The recording was PUT: check it and enqueue the session. Repeating changes nothing."""

    def take() -> SessionRow:
        direct_upload.confirm(services, session_id)
        return review.session_row(services, session_id)

    row = await _in_turn(request, take)
    request.state.code = "STORED"
    return session_out(row)


@router.get("", summary="List sessions")
def list_sessions(services: ServicesHeld, query: Annotated[SessionsQuery, Query()]) -> PageOut:
    """One page, newest first."""
    page = review.list_sessions(
        services,
        user_id=query.user_id,
        status=query.status,
        query=query.q,
        limit=query.limit,
        cursor=query.cursor,
    )
    return PageOut(
        sessions=[session_out(row) for row in page.sessions], next_cursor=page.next_cursor
    )


@router.get("/{id}", summary="Read a session", responses=problems(404), dependencies=[NoQuery])
def read(services: ServicesHeld, session_id: SessionId) -> SessionDetailOut:
    """A session with transcript, insights, metrics, runs and events."""
    return SessionDetailOut.of(review.session_detail(services, session_id))


@router.get(
    "/{id}/export",
    summary="Export a session",
    response_class=Response,
    responses={
        200: {
            "description": "A file; the learner's report holds nothing that is for staff alone.",
            "content": {
                "text/markdown": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
            },
            "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
def export(
    services: ServicesHeld, session_id: SessionId, query: Annotated[ExportQuery, Query()]
) -> Response:
    """The learner's report as Markdown or as a page to print, or the session whole as JSON."""
    content = review.export_session(services, session_id, query.format)
    name = query.format.file_name(session_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=query.format.media_type, headers=headers)


@router.post(
    "/{id}/runs",
    status_code=202,
    summary="Run a session again",
    responses=problems(400, 404, 409, 413),
    dependencies=[NoQuery],
)
def rerun(services: ServicesHeld, session_id: SessionId, wanted: RunIn) -> RunOut:
    """Ask for another run; what is shown stays until it has succeeded."""
    run_id = intake.rerun(services, session_id, scope=wanted.scope)
    runs = review.session_detail(services, session_id).runs
    return RunOut.of(next(run for run in runs if run.id == run_id))


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete a session",
    responses=problems(404),
    dependencies=[NoQuery],
)
def delete(services: ServicesHeld, session_id: SessionId) -> None:
    """Delete audio, rows and the session's share of the profile."""
    removal.delete_session(services, session_id)
