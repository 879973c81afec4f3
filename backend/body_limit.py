"""A bound on request bodies, kept while they stream in, whatever Content-Length says."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import api_response
from backend.paths import UPLOAD, path_of
from pipeline.errors import AudioTooLarge, PayloadTooLarge, RostrumError
from pipeline.settings import Settings

SMALL_BYTES = 64 * 1024
FORM_BYTES = 64 * 1024
"""What a form may add around its file."""


class _TooLarge(Exception):
    """Raised into whoever reads on."""


class BodyLimit:
    """ASGI middleware: 64 KiB everywhere, the upload limit where recordings arrive."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer 413 where its body grows too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, error = self._limit(scope)
        if _announced(scope) > most:
            await api_response(error)(scope, receive, send)
            return
        read, over, answered = 0, False, False

        async def counted() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                over = True
                raise _TooLarge
            return message

        async def unless_over(message: Message) -> None:
            nonlocal answered
            if over and not answered:
                # Whatever the application made of the cut body, this is the answer.
                return
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, unless_over)
        except _TooLarge:
            over = True
        if over and not answered:
            await api_response(error)(scope, receive, send)

    def _limit(self, scope: Scope) -> tuple[int, RostrumError]:
        if scope["method"] == "POST" and path_of(scope) == UPLOAD:
            sentence = f"The recording is larger than {self._settings.max_upload_mb} MB."
            return self._settings.max_upload_bytes + FORM_BYTES, AudioTooLarge(sentence)
        return SMALL_BYTES, PayloadTooLarge()


def _announced(scope: Scope) -> float:
    """The Content-Length, 0 where there is none that can be read."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            # As a float: it takes any number of digits, where int() refuses thousands.
            return float(value)
    return 0.0
