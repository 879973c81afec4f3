"""OpenAI's `/v1/audio/transcriptions` on one machine, over faster-whisper on the CPU.

`python -m local.whisper --port 9102 --data-dir .data`. Requests, answers and errors have the
shapes that OpenAI gives them. Nothing that is said is ever logged.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.child import PartFailed
from local.faults import Faults
from local.heap import give_back, use_few_arenas
from local.speech_model import (
    GivenUp,
    Heard,
    Hearing,
    ModelUnusable,
    SpeechModel,
    UnreadableAudio,
    decode,
    seconds_of,
)
from local.weights import model_path
from local.whisper_answer import render
from local.whisper_request import (
    TIMED_MODELS,
    UNTIMED_MODELS,
    Refusal,
    Wish,
    authorise,
    bounded,
    read_wish,
)

SHORTEST_SECONDS = 0.1
NOBODY_WAITS = 499
"""nginx's status for a caller that hung up; nobody reads it."""
SHUTDOWN_SECONDS = 2


async def transcriptions(request: Request) -> Response:
    """Answer one file."""
    authorise(request)
    async with bounded(request).form(max_files=1, max_fields=50) as form:
        wish = read_wish(form)
        heard = await _hear_while_someone_waits(request, wish)
    if heard is None:
        return Response(status_code=NOBODY_WAITS)
    return render(heard, wish)


async def _hear_while_someone_waits(request: Request, wish: Wish) -> Heard | None:
    """What was said; None where the caller hung up, which ends the waiting and the work."""
    model: SpeechModel = request.app.state.model
    given_up = threading.Event()
    outcome: Heard | Refusal | None = None

    def work() -> Heard | Refusal:
        try:
            return _hear(model, wish, given_up)
        except Refusal as refusal:
            return refusal  # raised below: a task group would wrap it in a group

    async def listen_for_hang_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        given_up.set()
        turn.cancel_scope.cancel()

    async with anyio.create_task_group() as turn:
        turn.start_soon(listen_for_hang_up)
        try:
            outcome = await anyio.to_thread.run_sync(work, limiter=model.turns)
        except GivenUp:
            outcome = None
        finally:
            given_up.set()
        turn.cancel_scope.cancel()
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _hear(model: SpeechModel, wish: Wish, given_up: threading.Event) -> Heard:
    try:
        samples = decode(wish.audio.file)
    except UnreadableAudio as error:
        message = "Invalid file format. Supported formats are those that FFmpeg reads."
        raise Refusal(400, message, param="file") from error
    if seconds_of(samples) < SHORTEST_SECONDS:
        message = "Audio file is too short. Minimum audio length is 0.1 seconds."
        raise Refusal(400, message, param="file", code="audio_too_short")
    hearing = Hearing(language=wish.language, prompt=wish.prompt, temperature=wish.temperature)
    try:
        return model.transcribe(samples, hearing=hearing, given_up=given_up)
    except ModelUnusable as error:
        raise Refusal(500, str(error), kind="server_error") from error
    finally:
        give_back()


async def models(request: Request) -> JSONResponse:
    """The models that are answered for."""
    authorise(request)
    held = [_shown(name) for name in sorted(TIMED_MODELS | UNTIMED_MODELS)]
    return JSONResponse({"object": "list", "data": held})


async def one_model(request: Request) -> JSONResponse:
    """One of them."""
    authorise(request)
    name = request.path_params["name"]
    if name not in TIMED_MODELS | UNTIMED_MODELS:
        raise Refusal(404, f"The model '{name[:60]}' does not exist", param="model")
    return JSONResponse(_shown(name))


def _shown(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local"}


async def healthz(_request: Request) -> JSONResponse:
    """Say that the server is up; the model loads beside."""
    return JSONResponse({"ok": True})


async def refused(_request: Request, error: Exception) -> Response:
    """An error as OpenAI words it, whoever raised it."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=NOBODY_WAITS)
    if isinstance(error, HTTPException):
        error = Refusal(error.status_code, error.detail)
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, status_code=error.status)


def create_app(data_dir: Path) -> Faults:
    """The server; the model begins to load when it starts, or with the first request."""
    model = SpeechModel(model_path(data_dir))

    def load_ahead() -> None:
        try:
            model.load()
        except ModelUnusable as error:
            print(error, file=sys.stderr)  # each request will say so too

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.model = model
        async with anyio.create_task_group() as background:
            if not os.environ.get("WHISPER_LAZY"):
                background.start_soon(anyio.to_thread.run_sync, load_ahead)
            yield

    return Faults(
        Starlette(
            routes=[
                Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
                Route("/v1/models", models),
                Route("/v1/models/{name}", one_model),
                Route("/healthz", healthz),
            ],
            lifespan=lifespan,
            exception_handlers={
                Refusal: refused,
                HTTPException: refused,
                ClientDisconnect: refused,
            },
        )
    )


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.whisper", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()
    use_few_arenas()
    if not os.environ.get("WHISPER_MODEL_HUB"):
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        app = create_app(arguments.data_dir)
    except PartFailed as error:
        sys.exit(str(error))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
