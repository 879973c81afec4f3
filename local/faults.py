"""Fault switches: a test tells a stand-in over HTTP to be slow, to fail, or to cut the line.

Every HTTP stand-in wraps its application in `Faults`. A test then sends

    PUT    /_local/faults   [{"kind": "answer", "status": 429, "headers": {"retry-after": "7"}}]
    DELETE /_local/faults   back to normal
    GET    /_local/calls    [{"method": "POST", "path": "/v1/messages"}, …]  (never content)
    DELETE /_local/calls    forget them

Each fault is used `times` times (null: until it is deleted), in the order in which they were
given; a call that no fault is left for reaches the real application.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter, ValidationError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

FOREVER_SECONDS = 3600.0


class Fault(BaseModel):
    """One way to misbehave."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["answer", "slow", "hang", "cut", "lose"]
    """`answer` replies with what is given; `slow` waits, then really answers; `hang` never
    answers; `cut` sends half an answer and drops the connection; `lose` lets the call do its
    work and drops the connection instead of the answer."""
    name: str | None = None
    """Under which the calls that met it are remembered: `{"method": …, "path": …, "met": name}`."""
    path: str = "/"
    """Only calls whose path begins so."""
    method: str | None = None
    """Only calls of this method."""
    times: int | None = Field(default=1, ge=1)
    """How many calls it meets; null means all from now on."""
    share: float = Field(default=1.0, gt=0, le=1)
    """The share of those calls that it meets, drawn by chance from `seed`."""
    seed: int = 0
    status: int = 500
    headers: dict[str, str] = {}
    body: Any = None
    """Sent as JSON, or as it is when it is a string."""
    seconds: float = 0.0
    """How long `slow` waits, and `answer` before it answers."""

    _dice: random.Random = PrivateAttr()

    def model_post_init(self, _context: Any) -> None:
        """The same seed draws the same calls."""
        self._dice = random.Random(self.seed)  # noqa: S311 - chance for tests, not a secret

    def meets(self, method: str, path: str) -> bool:
        """Whether this call meets the fault."""
        return (
            path.startswith(self.path)
            and self.method in {None, method}
            and self._dice.random() < self.share
        )


_FAULTS = TypeAdapter(list[Fault])


class Faults:
    """ASGI middleware that holds the switches and remembers which calls came."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._faults: list[Fault] = []
        self._calls: list[dict[str, str]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer the switchboard, misbehave as told, or pass on."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path == "/healthz":
            await self._app(scope, receive, send)
        elif path.startswith("/_local/"):
            await self._switchboard(scope["method"], path, receive, send)
        else:
            fault = self._next_fault(scope["method"], path)
            met = {"met": fault.name} if fault is not None and fault.name else {}
            self._calls.append({"method": scope["method"], "path": path, **met})
            await self._misbehave(fault, scope, receive, send)

    def _next_fault(self, method: str, path: str) -> Fault | None:
        for position, fault in enumerate(self._faults):
            if fault.meets(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        del self._faults[position]
                return fault
        return None

    async def _misbehave(
        self, fault: Fault | None, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "hang":
            await _read_all(receive)
            await asyncio.wait(
                [asyncio.ensure_future(receive())],  # resolves when the caller hangs up
                timeout=FOREVER_SECONDS,
            )
        elif fault.kind == "cut":
            await _read_all(receive)
            await _cut(send)
        elif fault.kind == "lose":
            await self._app(scope, receive, _drop)
            await _cut(send)
        else:
            await _read_all(receive)
            await asyncio.sleep(fault.seconds)
            await _answer(send, fault.status, fault.body, fault.headers)

    async def _switchboard(self, method: str, path: str, receive: Receive, send: Send) -> None:
        body = await _read_all(receive)
        if (method, path) == ("GET", "/_local/calls"):
            await _answer(send, 200, self._calls)
            return
        if (method, path) == ("PUT", "/_local/faults"):
            try:
                self._faults = _FAULTS.validate_json(body)
            except ValidationError as error:
                await _answer(send, 422, {"error": str(error)})
                return
        elif (method, path) == ("DELETE", "/_local/faults"):
            self._faults = []
        elif (method, path) == ("DELETE", "/_local/calls"):
            self._calls = []
        else:
            await _answer(send, 404, {"error": "no such switch"})
            return
        await _answer(send, 200, {"ok": True})


async def _read_all(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _cut(send: Send) -> None:
    """Half an answer: the server closes the connection when the rest does not come."""
    await _start(send, 200, {"content-type": "application/json", "content-length": "1000"})
    await send({"type": "http.response.body", "body": b'{"half', "more_body": True})


async def _drop(_message: Message) -> None:
    """Where an answer goes that nobody is to see."""


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _answer(
    send: Send, status: int, body: Any, headers: dict[str, str] | None = None
) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    given = {"content-type": "application/json", "content-length": str(len(raw)), **(headers or {})}
    await _start(send, status, given)
    await send({"type": "http.response.body", "body": raw})
