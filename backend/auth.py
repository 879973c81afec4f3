"""Who may call the API, and how often: bearers of a token; without any, this machine alone.

It stands before the body is read: nobody unknown makes us spool an upload. The webhooks are not
its business: their signature is their key, and the queue's flow control their limit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi.security import HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import api_response
from backend.paths import is_guarded, path_of
from backend.tokens import bearer_of
from pipeline.errors import RostrumError, TooManyRequests, Unauthorized
from pipeline.settings import is_loopback

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""A request that carries one came through a proxy: its sender may be anywhere."""

LOCAL = "local"
"""A caller on this machine, where no token is set."""

bearer = HTTPBearer(
    auto_error=False,
    description="Of `API_TOKEN` or `API_TOKENS`; not needed on loopback without any",
)
"""For the OpenAPI document; the gate below decides."""


class BearerGate:
    """ASGI middleware that lets only known callers reach the API's paths, so many a minute.

    Counted for each bearer by name, and for strangers by address, in this process alone.
    """

    def __init__(self, app: ASGIApp, *, known: Mapping[str, str], per_minute: int) -> None:
        self._app = app
        self._known = known
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401 or 429."""
        if scope["type"] == "http" and is_guarded(path_of(scope)):
            refusal = self._refusal(scope)
            if refusal is not None:
                await api_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> RostrumError | None:
        headers = Headers(scope=scope)
        caller = self._caller(scope, headers)
        client = scope.get("client")
        counted = ("bearer", caller) if caller else ("stranger", client[0] if client else "")
        if not self._limiter.hit(self._limit, *counted):
            resets_at = self._limiter.get_window_stats(self._limit, *counted).reset_time
            return TooManyRequests(retry_after=max(1.0, resets_at - time.time()))
        if caller:
            scope.setdefault("state", {})["caller"] = caller
            return None
        if not self._known:
            return Unauthorized("Without API_TOKEN this server answers on its own machine only.")
        return Unauthorized("A valid bearer token is required.")

    def _caller(self, scope: Scope, headers: Headers) -> str | None:
        """Who calls; None: a stranger."""
        if not self._known:
            return LOCAL if _is_local(scope, headers) else None
        kind, _, given = headers.get("authorization", "").partition(" ")
        return bearer_of(given, self._known) if kind.lower() == "bearer" else None


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
