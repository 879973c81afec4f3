"""Who may call the API: the bearer of the token; without one, this machine alone.

It stands before the body is read: nobody unknown makes us spool an upload.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import api_response
from pipeline.errors import Unauthorized
from pipeline.settings import Settings, is_loopback

GUARDED = ("/api/sessions", "/api/users")

bearer = HTTPBearer(auto_error=False, description="`API_TOKEN`; not needed on loopback without one")
"""For the OpenAPI document; the gate below decides."""


class BearerGate:
    """ASGI middleware that lets only known callers reach the API's paths."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._token = settings.api_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            refusal = self._refusal(scope)
            if refusal is not None:
                await api_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Unauthorized | None:
        headers = Headers(scope=scope)
        if self._token is None:
            if _is_local(scope, headers):
                return None
            return Unauthorized("Without API_TOKEN this server answers on its own machine only.")
        kind, _, given = headers.get("authorization", "").partition(" ")
        expected = self._token.get_secret_value()
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode(), expected.encode()):
            return None
        return Unauthorized("A valid bearer token is required.")


def _is_local(scope: Scope, headers: Headers) -> bool:
    """Whether caller, address and page of origin are all this machine.

    Host and Origin keep a web page from elsewhere out, which would call from here, too.
    """
    client = scope.get("client")
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    return (
        client is not None
        and is_loopback(client[0])
        and is_loopback(host)
        and (origin is None or is_loopback(urlsplit(origin).hostname or ""))
    )
