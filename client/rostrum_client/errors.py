"""What goes wrong, as one exception: the server's code, or one of three of our own."""

from __future__ import annotations

import json
from typing import Any

import httpx2

NO_ANSWER = "NO_ANSWER"
"""No answer came: the network, or it took too long. The call may have been done all the same."""
NOT_OURS = "NOT_OURS"
"""Somebody answered who is not Rostrum: a proxy, or another server."""
STORAGE_REFUSED = "STORAGE_REFUSED"
"""The storage did not take a recording that was sent straight to it."""


class RostrumError(Exception):
    """A call that did not go well. The message is the server's sentence, for people."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """Never changes; docs/api.md lists them."""
        self.status = status
        """Of HTTP; None: no answer came."""
        self.retry_after = retry_after
        """Seconds to wait before the next try, where the server said so."""

    def __str__(self) -> str:
        """Code and sentence."""
        return f"{self.code}: {self.message}"


def refusal(answer: httpx2.Response) -> RostrumError:
    """What an answer says that is no success. Its body must have been read."""
    told = _object_in(answer)
    ours = isinstance(told.get("code"), str) and isinstance(told.get("error"), str)
    return RostrumError(
        told["error"] if ours else "The answer is not one of Rostrum's.",
        code=told["code"] if ours else NOT_OURS,
        status=answer.status_code,
        retry_after=_seconds(answer.headers.get("Retry-After", "")),
    )


def no_answer(error: httpx2.TransportError) -> RostrumError:
    """What it means that nothing came back."""
    return RostrumError(f"No answer came ({type(error).__name__}).", code=NO_ANSWER)


def _object_in(answer: httpx2.Response) -> dict[str, Any]:
    try:
        told = json.loads(answer.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(said: str) -> float | None:
    """Rostrum says seconds; a date is some proxy's, and left alone."""
    return float(said) if said.isascii() and said.isdigit() else None
