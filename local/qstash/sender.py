"""One attempt over the wire: the message out, signed afresh; what came back as a value."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

import httpx

from local.qstash.signature import SigningKeys, sign
from local.qstash.store import Answer, Stored

MOST_ANSWER_BYTES = 1 << 20
"""More of an answer than that is not read."""
CONNECT_TIMEOUT_SECONDS = 5.0

log = logging.getLogger(__name__)


class Sender:
    """Sends messages to their destinations."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            # A proxy of the person's environment has no business between local parts.
            trust_env=False,
            # A kept connection may be closed by its other end just when it is used again, and
            # an attempt would be lost.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # The whole attempt is bounded by the message's own timeout.
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def send(self, stored: Stored) -> Answer:
        """Make one attempt; an answer with status 0 says that none came."""
        try:
            async with (
                asyncio.timeout(stored.draft.timeout_seconds),
                self._http.stream(
                    stored.draft.method,
                    stored.draft.destination,
                    content=stored.draft.body,
                    headers=self._headers(stored),
                ) as response,
            ):
                names = {name.lower() for name in response.headers}
                headers = {name: response.headers.get_list(name) for name in sorted(names)}
                return Answer(response.status_code, headers, await _read(response))
        except TimeoutError:
            error = f"no answer within {stored.draft.timeout_seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as raised:
            # ValueError: what httpx says of headers and names that it cannot encode.
            error = type(raised).__name__
        log.info("attempt_without_answer %s %s", stored.id, error)
        return Answer(0, {}, b"", error)

    def _headers(self, stored: Stored) -> list[tuple[bytes, bytes]]:
        """Ours win over forwarded ones of the same name."""
        draft = stored.draft
        ours = {
            "user-agent": "Upstash-QStash",
            "upstash-message-id": stored.id,
            "upstash-retried": str(stored.retried),
            "upstash-signature": sign(
                key=self._keys.current, url=draft.destination, body=draft.body
            ),
        }
        if draft.schedule_id:
            ours["upstash-schedule-id"] = draft.schedule_id
        # Latin-1 both ways: the bytes go out as they came in.
        return [
            (name.title().encode("latin-1"), value.encode("latin-1"))
            for name, value in {**draft.headers, **ours}.items()
        ]


async def _read(response: httpx.Response) -> bytes:
    """The beginning of an answer's body, as it is decoded."""
    held = bytearray()
    async for part in response.aiter_bytes():
        held += part
        if len(held) >= MOST_ANSWER_BYTES:
            break
    return bytes(held[:MOST_ANSWER_BYTES])
