"""One log line a request, and the last net: what nobody foresaw becomes a 500 without details.

Lines hold route templates and ids, never queries, bodies or the messages of exceptions:
those may quote what a learner said.
"""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import api_response
from backend.metrics import Answered, Metrics
from backend.paths import path_of
from pipeline.errors import Unforeseen

log = logging.getLogger(__name__)

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
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
        begun = time.perf_counter()
        status = 0
        # Handlers, refusals and dependencies leave here what the line is to say.
        state = scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - the last net; the cause goes to the log
            log_unforeseen(error)
            if status == 0:
                await api_response(Unforeseen())(scope, receive, noted)
        self._write(scope, state, status=status, seconds=time.perf_counter() - begun)

    def _write(self, scope: Scope, state: dict[str, Any], *, status: int, seconds: float) -> None:
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


def _template(scope: Scope) -> str:
    """The route as it was declared: ids and names stay out."""
    route = scope.get("route")
    return getattr(route, "path", "unknown")


def log_unforeseen(error: BaseException) -> None:
    """Write down where something broke: types and places, not the message."""
    log.error("unforeseen", extra={"cause": _places(error)})


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return [type(error).__qualname__, *places]


def _hide_messages(
    _logger: Any, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Reduce exceptions that anybody logs to their places."""
    event.pop("color_message", None)  # uvicorn's second copy for terminals
    failure = event.pop("exc_info", None)
    if isinstance(failure, tuple) and failure[1] is not None:
        event["cause"] = _places(failure[1])
    return event


def json_lines() -> logging.Formatter:
    """The form of a line: JSON with the event, its fields, and no message of an exception."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _hide_messages,
            structlog.processors.JSONRenderer(),
        ],
    )


def configure() -> None:
    """Write every log line of the process as JSON to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(json_lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Access lines hold whole URLs with their queries; ours hold the route instead.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("httpx", "httpx2", "botocore", "openai", "anthropic"):
        logging.getLogger(name).setLevel(logging.WARNING)
