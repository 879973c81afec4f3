"""Whisper and Claude without their time: one server that gives the same two answers at once.

`python -m benchmarks.instant_vendors --port 9102`. It reads each request to its end and checks
nothing: `local/` has the stand-ins that refuse. The talk is eleven lines of `tests/talks.py`, the
analysis `tests/answers/valid.json`, whose quotes all stand in it. `GET /calls` says how often each
was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.talks import LINES, verbose_json

TRANSCRIPTIONS, MESSAGES = "/v1/audio/transcriptions", "/v1/messages"
HEARD = (LINES * 2)[:11]
"""88 seconds, as long as the sample talk."""
VALID = Path(__file__).parent.parent / "tests" / "answers" / "valid.json"


def application(*, seconds: float = 0.0) -> Starlette:
    """Both vendors; each takes `seconds` to answer."""
    asked = Counter[str]()

    def answering(answer: dict[str, Any]) -> Any:
        body = json.dumps(answer).encode()

        async def answered(request: Request) -> Response:
            asked[request.url.path] += 1
            async for _piece in request.stream():
                continue
            if seconds:
                await asyncio.sleep(seconds)
            return Response(body, media_type="application/json")

        return answered

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def calls(_request: Request) -> JSONResponse:
        return JSONResponse({path: asked[path] for path in (TRANSCRIPTIONS, MESSAGES)})

    return Starlette(
        routes=[
            Route(TRANSCRIPTIONS, answering(verbose_json(HEARD)), methods=["POST"]),
            Route(MESSAGES, answering(json.loads(VALID.read_text())), methods=["POST"]),
            Route("/healthz", healthz),
            Route("/calls", calls),
        ]
    )


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instant_vendors", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.0, help="what each answer takes")
    asked = parser.parse_args()
    uvicorn.run(
        application(seconds=asked.seconds),
        host="127.0.0.1",
        port=asked.port,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
