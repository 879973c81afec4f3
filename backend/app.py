"""The application: `uvicorn --factory backend.app:create_app`."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from fastapi import Depends, FastAPI

from backend import dead_letters, errors, health, heaps, internal, sessions, users
from backend.auth import BearerGate, bearer
from backend.body_limit import BodyLimit
from backend.metrics import Metrics
from backend.request_log import RequestLog
from backend.response_headers import ResponseHeaders
from backend.stopping import stopping_gracefully
from backend.tokens import known_tokens
from pipeline import log_lines, tracing
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.workspace import clear_abandoned

log = logging.getLogger(__name__)

NEW_OBJECTS = 50_000
"""Once the application is loaded Python looks for garbage after so many: by its own 700 an SDK
would take half as long again to load."""
SWITCH_SECONDS = 0.0005
"""A thread that works gives way so soon to one that was answered. By Python's 5 ms a read of some
statements, beside deliveries, waits for up to that long after each."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API and the webhooks, on the settings of the environment unless others are given.

    Raises:
        UnsafeConfiguration: production must not start so.
    """
    settings = settings or Settings()
    settings.guard_production()
    tokens = known_tokens(settings)
    log_lines.configure()
    sys.setswitchinterval(SWITCH_SECONDS)
    heaps.share()
    metrics = Metrics()
    in_production = settings.app_env == "production"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        end_tracing = tracing.configure(settings, service="rostrum-backend")
        app.state.services = Services(settings)
        app.state.delivery_threads = anyio.CapacityLimiter(settings.pipeline_parallelism)
        app.state.upload_threads = anyio.CapacityLimiter(sessions.UPLOADS_AT_ONCE)
        log.info(
            "Rostrum's backend starts; the queue is told to deliver to %s", settings.process_url
        )
        if not tokens:
            log.warning("API_TOKEN is not set: the API answers on this machine only")
        clear_abandoned()
        try:
            with (
                stopping_gracefully(
                    app.state.services.watches, grace_seconds=settings.stop_grace_seconds
                ),
                _preparing(app.state.services),
            ):
                yield
        finally:
            app.state.services.close()
            end_tracing()

    app = FastAPI(
        title="Rostrum",
        version="0.1.0",
        summary="Recordings of spoken English in, feedback out.",
        lifespan=lifespan,
        # The framework's own telemetry would tell addresses with their ids, queries, and the
        # messages of exceptions; pipeline/tracing.py says what may be told.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        # A redirect would be an answer in another shape, built from the caller's Host header.
        redirect_slashes=False,
        # Their scripts come from elsewhere. The document itself is no secret.
        docs_url=None if in_production else "/docs",
        redoc_url=None if in_production else "/redoc",
    )
    app.state.metrics = metrics
    errors.install(app)
    app.include_router(sessions.router, dependencies=[Depends(bearer)])
    app.include_router(users.router, dependencies=[Depends(bearer)])
    app.include_router(dead_letters.router, dependencies=[Depends(bearer)])
    app.include_router(internal.router)
    app.include_router(health.router)
    # The last added is the outermost.
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(BearerGate, known=tokens, per_minute=settings.api_requests_per_minute)
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(ResponseHeaders, over_tls=in_production)
    return app


@contextmanager
def _preparing(services: Services) -> Iterator[None]:
    """Prepare for the first delivery while the server answers already."""

    def prepare() -> None:
        # What is loaded so far stays: no later look goes through it.
        gc.freeze()
        services.prepare()

    gc.set_threshold(NEW_OBJECTS)
    thread = threading.Thread(target=prepare, name="prepare", daemon=True)
    if services.settings.prepare_at_start:
        thread.start()
    try:
        yield
    finally:
        if thread.ident is not None:
            # Or it would make clients that nobody closes.
            thread.join()
