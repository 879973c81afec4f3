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
from backend.paths import is_guarded, path_of
from pipeline.errors import Unauthorized
from pipeline.settings import Settings, is_loopback

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""A request that carries one came through a proxy: its sender may be anywhere."""

bearer = HTTPBearer(auto_error=False, description="`API_TOKEN`; not needed on loopback without one")
"""For the OpenAPI document; the gate below decides."""


class BearerGate:
    """ASGI middleware that lets only known callers reach the API's paths."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        token = settings.api_token
        # As the bytes of the header: whatever the client's spelling of it, ours is compared.
        self._token = token.get_secret_value().encode() if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401."""
        if scope["type"] == "http" and is_guarded(path_of(scope)):
            refusal = self._refusal(scope)
            if refusal is not None:
                await api_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Unauthorized | None:
        headers = Headers(scope=scope)
        if not self._token:
            if _is_local(scope, headers):
                return None
            return Unauthorized("Without API_TOKEN this server answers on its own machine only.")
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), self._token):
            return None
        return Unauthorized("A valid bearer token is required.")


def _is_local(scope: Scope, headers: Headers) -> bool:
    """Whether caller, address and page of origin are all this machine.

    Host and Origin keep a web page from elsewhere out, which would call from here, too. What
    a proxy says of the caller is never believed, and uvicorn may have believed it already:
    whatever came through one is from elsewhere.
    """
    client = scope.get("client")
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    return (
        client is not None
        and not any(name in headers for name in PROXY_HEADERS)
        and is_loopback(client[0])
        and is_loopback(host)
        and (origin is None or is_loopback(urlsplit(origin).hostname or ""))
    )
