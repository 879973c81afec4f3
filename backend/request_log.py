"""One log line a request, and the last net: what nobody foresaw becomes a 500 without details.

Lines hold route templates and ids, never queries, bodies or the messages of exceptions:
those may quote what a learner said.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import api_response
from backend.metrics import Answered, Metrics
from backend.paths import path_of
from pipeline import tracing
from pipeline.errors import Unforeseen
from pipeline.log_lines import bound, log_unforeseen

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds: no line, and no trace."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anybody may send any word as a method; each new one would be a new series of metrics."""


class RequestLog:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Time a request, catch what fell through, write the line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        with bound(request=request_id):
            if path_of(scope) in QUIET:
                await self._answer(scope, receive, send, request_id)
                return
            with tracing.serving(Headers(scope=scope)) as note:
                told = await self._answer(scope, receive, send, request_id)
                note(
                    name=f"{told.method} {told.route}",
                    route=told.route,
                    status=told.status,
                    code=told.code,
                )

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str
    ) -> Answered:
        begun = time.perf_counter()
        status = 0
        # Handlers, refusals and dependencies leave here what the line is to say.
        state = scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # Ours, never the caller's: it stands in every line, and says nothing of anybody.
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - the last net; the cause goes to the log
            log_unforeseen(error)
            if status == 0:
                await api_response(Unforeseen())(scope, receive, noted)
        return self._write(scope, state, status=status, seconds=time.perf_counter() - begun)

    def _write(
        self, scope: Scope, state: dict[str, Any], *, status: int, seconds: float
    ) -> Answered:
        route = _template(scope)
        answered = Answered(
            method=scope["method"] if scope["method"] in METHODS else "other",
            route=route,
            path=path_of(scope),
            status=status,
            seconds=seconds,
            code=state.get("code"),
        )
        self._metrics.count(answered)
        line = {
            "method": answered.method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "code": answered.code,
            "session": state.get("session"),
            "caller": state.get("caller"),
        }
        log.log(
            logging.DEBUG if route in QUIET else state.get("level", logging.INFO),
            "request",
            extra={name: value for name, value in line.items() if value is not None},
        )
        return answered


def _template(scope: Scope) -> str:
    """The route as it was declared: ids and names stay out."""
    route = scope.get("route")
    return getattr(route, "path", "unknown")
