"""Log lines: ids bound once for all that is logged meanwhile, and the form of a line.

Modules log through the standard library and know nothing of this; whoever starts a process
calls `configure` once. Lines hold no message of an exception: it may quote what a learner said.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

DEEPEST_FRAMES = 8
LOUD_LIBRARIES = ("httpx", "httpx2", "botocore", "openai", "anthropic")
"""Their lines of level INFO hold whole URLs."""

_bound: ContextVar[Mapping[str, str | int]] = ContextVar(
    "rostrum_log_ids", default=MappingProxyType({})
)


@contextmanager
def bound(**ids: str | int) -> Iterator[None]:
    """Let every line of this block name these ids, in whatever module it is logged.

    A thread that is started meanwhile must run in a copy of the context to name them, too.
    """
    token = _bound.set({**_bound.get(), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def places(error: BaseException) -> list[str]:
    """Where something broke: types and places, not the message."""
    frames = traceback.extract_tb(error.__traceback__)[-DEEPEST_FRAMES:]
    return [
        type(error).__qualname__,
        *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames),
    ]


def _name_ids(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {**_bound.get(), **event}


def _hide_messages(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Reduce exceptions that anybody logs to their places."""
    event.pop("color_message", None)  # uvicorn's second copy for terminals
    failure = event.pop("exc_info", None)
    if isinstance(failure, tuple) and failure[1] is not None:
        event["cause"] = places(failure[1])
    return event


def json_lines() -> logging.Formatter:
    """One JSON object a line."""
    import structlog

    return _formatter(structlog.processors.JSONRenderer())


def readable_lines() -> logging.Formatter:
    """The same for people at a terminal."""
    import structlog

    return _formatter(structlog.dev.ConsoleRenderer())


def _formatter(renderer: Any) -> logging.Formatter:
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            _name_ids,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _hide_messages,
            renderer,
        ],
    )


def configure() -> None:
    """Write every line of the process to standard error: JSON, or readable at a terminal."""
    handler = logging.StreamHandler()
    handler.setFormatter(readable_lines() if sys.stderr.isatty() else json_lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Access lines hold whole URLs with their queries; ours hold the route instead.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
