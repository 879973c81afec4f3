"""The one table: what went wrong → HTTP status, headers and log level.

The queue retries everything but a 2xx and a 489 with its header, so deliveries answer
otherwise than the API: that is the second column.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pipeline import errors

NON_RETRYABLE = 489
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
    errors.InvalidInput: Answer(422, 400, logging.INFO),
    errors.MissingAudio: Answer(400, 400, logging.INFO),
    errors.AudioTooLarge: Answer(413, NON_RETRYABLE, logging.INFO),
    errors.AudioMismatch: Answer(409, NON_RETRYABLE),
    errors.AudioGone: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.TranscriptMissing: Answer(409, NON_RETRYABLE, logging.INFO),
    errors.AlreadyRunning: Answer(409, NON_RETRYABLE, logging.INFO),
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
    errors.ConfigurationMissing: Answer(500, 500, logging.ERROR),
    errors.Unforeseen: Answer(500, 500, logging.ERROR),
}

_BY_STATUS = {401: "UNAUTHORIZED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}

log = logging.getLogger(__name__)


def api_response(error: errors.RostrumError) -> JSONResponse:
    """How the API answers an error."""
    return _response(error, TABLE[type(error)].api)


def delivery_response(error: errors.RostrumError) -> JSONResponse:
    """How the webhook answers an error, so that the queue does what the error asks for."""
    answer = TABLE[type(error)]
    log.log(answer.level, "delivery_refused", extra={"code": error.code})
    response = _response(error, answer.delivery)
    if answer.delivery == NON_RETRYABLE:
        response.headers[NON_RETRYABLE_HEADER] = "true"
    return response


def _response(error: errors.RostrumError, status: int) -> JSONResponse:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if status == 401:  # noqa: PLR2004 - HTTP asks for the challenge
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.message, "code": error.code}, status, headers)


def install(app: FastAPI) -> None:
    """Give every failure of a handler the one error shape."""

    @app.exception_handler(errors.RostrumError)
    def ours(_request: Request, error: errors.RostrumError) -> JSONResponse:
        log.log(TABLE[type(error)].level, "request_refused", extra={"code": error.code})
        return api_response(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        places = [tuple(map(str, fault["loc"])) for fault in error.errors()]
        if places == [("body", "audio")]:
            return api_response(errors.MissingAudio())
        fault = error.errors()[0]
        # The rule that was broken, never the value: it may hold a name.
        where = ".".join(place for place in places[0][1:] if place) or "body"
        return api_response(errors.InvalidInput(f"{where}: {_rule(fault)}"))

    @app.exception_handler(HTTPException)
    def plain(_request: Request, error: HTTPException) -> JSONResponse:
        code = _BY_STATUS.get(error.status_code, "BAD_REQUEST")
        body = {"error": str(error.detail), "code": code}
        return JSONResponse(body, error.status_code, error.headers)


def _rule(fault: dict[str, object]) -> str:
    if fault["type"] in {"value_error", "json_invalid"}:
        return "this value is not valid."
    return f"{fault['msg']}."
