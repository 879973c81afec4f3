"""A door in front of a real server, for faults on its wire: `python -m tests.faults.door`.

What comes in is passed on byte for byte, so signatures hold; `local/faults.py` says how the
door misbehaves. Used where the server is somebody else's binary, as the S3 server is.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx2
import uvicorn

from local.faults import Faults, Receive, Send

OF_THE_CONNECTION = frozenset({b"connection", b"expect", b"keep-alive", b"transfer-encoding"})
"""Headers that belong to one hop."""


class Door:
    """ASGI application that passes every request on."""

    def __init__(self, to: str) -> None:
        self._to = to.rstrip("/")
        self._client = httpx2.AsyncClient(
            trust_env=False,
            timeout=60,
            # Each request has a connection of its own: a kept one may be closed by a server
            # that is being restarted, and that fault would be the door's own.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass one request on; 502 where nobody answers."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await _answer(send, 200)
            return
        request = self._client.build_request(
            scope["method"],
            self._to + _target(scope),
            headers=[pair for pair in scope["headers"] if pair[0] not in OF_THE_CONNECTION],
            content=_body(receive) if _has_body(scope) else None,
        )
        try:
            answer = await self._client.send(request, stream=True)
        except httpx2.TransportError:
            await _answer(send, 502)
            return
        try:
            headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"connection"]
            await send(
                {"type": "http.response.start", "status": answer.status_code, "headers": headers}
            )
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()


def _target(scope: MutableMapping[str, Any]) -> str:
    """Path and query as they came: signatures cover both."""
    query = scope["query_string"].decode("latin-1")
    path: str = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _has_body(scope: MutableMapping[str, Any]) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _answer(send: Send, status: int) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", b"0")],
        }
    )
    await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.door", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", required=True, help="where the real server answers")
    arguments = parser.parse_args()
    uvicorn.run(
        Faults(Door(arguments.to)),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
