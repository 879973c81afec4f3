"""Headers that tell the browser what a page of ours may do: as little as Streamlit needs."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import is_over_tls

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_NOBODY = ("camera", "display-capture", "geolocation", "midi", "payment", "usb")


def _index_scripts() -> str:
    """Hashes of the scripts that stand in Streamlit's own page, of the installed version."""
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    found = _INLINE_SCRIPT.findall(page.read_text("utf-8"))
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in found]
    return " ".join(f"'sha256-{each}'" for each in hashes)


def content_security_policy() -> str:
    """Where a page may load from: ourselves, and what Streamlit cannot do without.

    Scripts from `blob:`, since components v2 are loaded so; inline styles, since Streamlit makes
    its styles in the browser; `data:` for icons, `blob:` for what was recorded or drawn there.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' blob: {_index_scripts()}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' blob:",
            "connect-src 'self' blob:",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def safe_headers(*, over_tls: bool) -> dict[str, str]:
    """All of them; where people come by https, they are told to go on doing so."""
    strict = {"Strict-Transport-Security": "max-age=31536000"} if over_tls else {}
    return strict | {
        "Content-Security-Policy": content_security_policy(),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        # Links name sessions and learners; our own sign-in reads where it was asked from.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": ", ".join(
            ["microphone=(self)", *(f"{feature}=()" for feature in _NOBODY)]
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


class SafeHeaders:
    """Puts them on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = safe_headers(over_tls=is_over_tls())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, answer)
