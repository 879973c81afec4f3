"""Brings a person who signs in to the page that they had opened, where Streamlit forgets it.

Streamlit answers a sign-in with its first page (streamlit/streamlit#10162). The page that asked
for it stands in the request's Referer: it waits in a cookie until the provider sends the person
back.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rostrum_target"
SECONDS = 600
"""How long a person may take at the provider's."""
LONGEST = 2000
LOGIN = "/auth/login"
CALLBACK = "/oauth2callback"


class SignInTarget:
    """Keeps the page at the beginning of a sign-in, and goes there at its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].endswith((LOGIN, CALLBACK)):
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].endswith(LOGIN):
                    _keep(request, headers)
                elif "location" in headers:
                    _go(request, headers)
            await send(message)

        await self._app(scope, receive, answer)


def _keep(request: Request, headers: MutableHeaders) -> None:
    asked_from = urlsplit(request.headers.get("referer", ""))
    if asked_from.netloc != request.headers.get("host"):
        return
    target = asked_from.path + (f"?{asked_from.query}" if asked_from.query else "")
    if _is_ours(target):
        headers.append("set-cookie", _cookie(quote(target, safe=""), SECONDS))


def _go(request: Request, headers: MutableHeaders) -> None:
    target = unquote(request.cookies.get(COOKIE, ""))
    if _is_ours(target):
        headers["location"] = target
        headers.append("set-cookie", _cookie("", 0))


def _is_ours(target: str) -> bool:
    """Whether it is a path on this very server, whoever wrote the cookie."""
    return (
        target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isascii()
        and target.isprintable()
        and len(target) <= LONGEST
    )


def _cookie(value: str, seconds: int) -> str:
    return f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
