"""The one table: what went wrong → HTTP status, headers and log level.

The queue retries everything but a 2xx and a 489 with its header, so deliveries answer
otherwise than the API: that is the second column.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from pipeline import errors
from pipeline.letter import NON_RETRYABLE

NON_RETRYABLE_HEADER = "Upstash-NonRetryable-Error"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one kind of failure is answered."""

    api: int
    delivery: int
    level: int = logging.WARNING


TABLE: dict[type[errors.RostrumError], Answer] = {
    errors.Unauthorized: Answer(401, 401),
    errors.InvalidRequest: Answer(400, 400),
    errors.PayloadTooLarge: Answer(413, 413),
    errors.TooManyRequests: Answer(429, 503, logging.INFO),
    errors.InvalidInput: Answer(422, 400, logging.INFO),
    errors.MissingAudio: Answer(400, 400, logging.INFO),
    errors.AudioTooLarge: Answer(413, NON_RETRYABLE, logging.INFO),
    errors.AudioMismatch: Answer(409, NON_RETRYABLE),
    errors.AudioGone: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.TranscriptMissing: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.TranscriptGone: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.AlreadyRunning: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.NotRetryable: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.Forbidden: Answer(403, NON_RETRYABLE),
    errors.OutOfDate: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.Taken: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.NotFound: Answer(404, NON_RETRYABLE, logging.INFO),
    errors.UnsupportedAudio: Answer(415, NON_RETRYABLE, logging.INFO),
    errors.EmptyAudio: Answer(400, NON_RETRYABLE, logging.INFO),
    errors.AudioTooLong: Answer(422, NON_RETRYABLE, logging.INFO),
    errors.AudioMissing: Answer(409, NON_RETRYABLE),
    errors.NoSpeech: Answer(422, NON_RETRYABLE, logging.INFO),
    errors.TranscriptionRejected: Answer(422, NON_RETRYABLE),
    errors.AnalysisRejected: Answer(422, NON_RETRYABLE),
    errors.AnalysisInvalid: Answer(422, NON_RETRYABLE),
    errors.StorageUnavailable: Answer(503, 503),
    errors.TranscriptionUnavailable: Answer(503, 503),
    errors.AnalysisUnavailable: Answer(503, 503),
    errors.RateLimited: Answer(503, 503),
    errors.TimedOut: Answer(503, 503),
    errors.DatabaseUnavailable: Answer(503, 503, logging.ERROR),
    errors.QueueUnavailable: Answer(503, 503),
    errors.AudioNotDeleted: Answer(503, 503),
    errors.LeaseHeld: Answer(503, 503, logging.INFO),
    errors.Interrupted: Answer(503, 503, logging.INFO),
    errors.ConfigurationMissing: Answer(500, 500, logging.ERROR),
    errors.Unforeseen: Answer(500, 500, logging.ERROR),
}

_PLAIN = {
    400: ("BAD_REQUEST", "The request cannot be read."),
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take this method."),
}
"""What the framework refuses by itself: its own sentences are no sentences."""
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""What may be a field's name. Anything else that stands in its place was typed by somebody."""


class Refusal(JSONResponse):
    """An answer in the one error shape; tells the request log its code and level."""

    def __init__(
        self, message: str, code: str, *, status: int, headers: dict[str, str], level: int
    ) -> None:
        super().__init__({"error": message, "code": code}, status, headers)
        self._noted = {"code": code, "level": level}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope.setdefault("state", {}).update(self._noted)
        await super().__call__(scope, receive, send)


def api_response(error: errors.RostrumError) -> Refusal:
    """How the API answers an error."""
    answer = TABLE[type(error)]
    return _refusal(error, answer.api, answer.level)


def delivery_response(error: errors.RostrumError) -> Refusal:
    """How the webhook answers an error, so that the queue does what the error asks for."""
    answer = TABLE[type(error)]
    response = _refusal(error, answer.delivery, answer.level)
    if answer.delivery == NON_RETRYABLE:
        response.headers[NON_RETRYABLE_HEADER] = "true"
    return response


def _refusal(error: errors.RostrumError, status: int, level: int) -> Refusal:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if status == 401:  # noqa: PLR2004 - HTTP asks for the challenge
        headers["WWW-Authenticate"] = "Bearer"
    return Refusal(error.message, error.code, status=status, headers=headers, level=level)


def install(app: FastAPI) -> None:
    """Give every failure of a handler the one error shape."""

    @app.exception_handler(errors.RostrumError)
    def ours(_request: Request, error: errors.RostrumError) -> Refusal:
        return api_response(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Refusal:
        faults = error.errors()
        if any(fault["loc"] == ("body", "audio") for fault in faults):
            return api_response(errors.MissingAudio())
        return api_response(errors.InvalidInput(_sentence(faults[0])))

    @app.exception_handler(HTTPException)
    def plain(_request: Request, error: HTTPException) -> Refusal:
        code, sentence = _PLAIN.get(error.status_code, _PLAIN[400])
        headers = dict(error.headers or {})
        return Refusal(
            sentence, code, status=error.status_code, headers=headers, level=logging.INFO
        )


def _sentence(fault: dict[str, Any]) -> str:
    """The field and the rule that it breaks; never the value, which may hold a name."""
    places = [place for place in map(str, fault["loc"][1:]) if place]
    known = places and all(_FIELD.fullmatch(place) for place in places)
    where = ".".join(places) if known else str(fault["loc"][0])
    if fault["type"] in {"value_error", "json_invalid"}:
        return f"{where}: this value is not valid."
    return f"{where}: {fault['msg']}."
