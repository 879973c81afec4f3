"""Whether this process lives, whether it can work, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from backend.dependencies import MetricsHeld, ServicesHeld
from pipeline.health import check

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    ok: bool = True


class Ready(BaseModel):
    """Each part: `ok`, or what is wrong in words."""

    ok: bool
    database: str
    storage: str
    queue: str


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Live:
    """Answer without touching anything else."""
    return Live()


@router.get(
    "/readyz",
    summary="Are database, storage and queue reachable?",
    response_model=Ready,
    responses={503: {"model": Ready}},
)
def readyz(services: ServicesHeld) -> JSONResponse:
    """Ask each part."""
    faults = check(services)
    ok = not any(faults.values())
    parts = {name: fault or "ok" for name, fault in faults.items()}
    return JSONResponse({"ok": ok, **parts}, status_code=200 if ok else 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
def metrics(held: MetricsHeld, services: ServicesHeld) -> PlainTextResponse:
    """All metrics in Prometheus' text format."""
    return PlainTextResponse(held.render(services), media_type="text/plain; version=0.0.4")
