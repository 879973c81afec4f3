"""Log lines: ids bound once for all that is logged meanwhile, and the form of a line.

Modules log through the standard library and know nothing of this; whoever starts a process
calls `configure` once. Lines hold no message of an exception, be it of a library's or caught by
nobody: it may quote what a learner said.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any

DEEPEST_FRAMES = 8
OWN_HANDLERS = ("uvicorn", "streamlit")
"""Their loggers bring handlers along, which would write lines of another form."""
LOUD_LIBRARIES = ("httpx", "httpx2", "botocore", "openai", "anthropic", "alembic.runtime.plugins")
"""Their lines of level INFO hold whole URLs; the last one's say nothing of ours."""

log = logging.getLogger(__name__)

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


def log_unforeseen(error: BaseException) -> None:
    """Write down where something broke: types and places, not the message."""
    log.error("unforeseen", extra={"cause": places(error)})


class _Record(logging.LogRecord):
    """A record that holds of an exception its places only, whoever's handler writes it down."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[1] is not None:
            self.cause = places(self.exc_info[1])
            self.exc_info, self.exc_text = None, "\n".join(self.cause)


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
    """Write every line of the process to standard error: JSON, or readable at a terminal.

    What nobody catches, in any thread, becomes such a line, too: Python's own would print the
    message.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(readable_lines() if sys.stderr.isatty() else json_lines())
    logging.setLogRecordFactory(_Record)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in OWN_HANDLERS:
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    # Access lines hold whole URLs with their queries; ours hold the route instead.
    logging.getLogger("uvicorn.access").disabled = True
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    _catch_the_uncaught()


def _catch_the_uncaught() -> None:
    """Replace Python's own hooks; whoever else set one, as a test runner does, keeps it."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _uncaught
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log_unforeseen(error)


def _unraisable(ended: sys.UnraisableHookArgs) -> None:
    if ended.exc_value is not None:
        log_unforeseen(ended.exc_value)


def _uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        log_unforeseen(ended.exc_value)
