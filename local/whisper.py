"""OpenAI's `/v1/audio/transcriptions` on one machine, over faster-whisper on the CPU.

`python -m local.whisper --port 9102 --data-dir .data`. Requests, answers and errors have the
shapes that OpenAI gives them. Nothing that is said is ever logged.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.child import PartFailed
from local.faults import Faults
from local.speech_model import Heard, SpeechModel, UnreadableAudio
from local.weights import model_path

TIMED_MODELS = frozenset({"whisper-1", "whisper-base"})
UNTIMED_MODELS = frozenset({"gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"})
"""OpenAI's newer models answer `json` or `text`, without times; so do these names here."""
FORMATS = frozenset({"json", "text", "verbose_json"})
MOST_BYTES = 25 * 1024 * 1024
SHORTEST_SECONDS = 0.1


class Refusal(Exception):
    """What OpenAI would not take."""

    def __init__(self, status: int, message: str, *, param: str | None, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": param,
                "code": code,
            }
        }


def _bad(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    return Refusal(400, message, param=param, code=code)


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked request."""

    audio: UploadFile
    response_format: str
    granularities: frozenset[str]
    language: str | None
    prompt: str | None


async def transcriptions(request: Request) -> Response:
    """Answer one file."""
    try:
        _authorise(request)
        async with request.form(max_part_size=MOST_BYTES) as form:
            wish = _wish(form)
            heard = await _hear(request.app.state.model, wish)
        return _render(heard, wish)
    except Refusal as refusal:
        return JSONResponse(refusal.body, status_code=refusal.status)


async def _hear(model: SpeechModel, wish: Wish) -> Heard:
    def work() -> Heard:
        return model.transcribe(
            wish.audio.file,
            language=wish.language,
            prompt=wish.prompt,
            words="word" in wish.granularities,
        )

    try:
        heard = await anyio.to_thread.run_sync(work, limiter=model.turns)
    except UnreadableAudio as error:
        message = "Invalid file format. Supported formats are those that FFmpeg reads."
        raise _bad(message, "file") from error
    if heard.duration < SHORTEST_SECONDS:
        message = "Audio file is too short. Minimum audio length is 0.1 seconds."
        raise _bad(message, "file", "audio_too_short")
    return heard


def _authorise(request: Request) -> None:
    if not request.headers.get("authorization", "").removeprefix("Bearer").strip():
        raise Refusal(
            401,
            "You didn't provide an API key. Provide it in an Authorization header.",
            param=None,
            code="missing_api_key",
        )


def _wish(form: FormData) -> Wish:
    audio = form.get("file")
    if not isinstance(audio, UploadFile):
        raise _bad("you must provide a file", "file")
    if (audio.size or 0) > MOST_BYTES:
        raise Refusal(
            413, f"Maximum content size limit ({MOST_BYTES}) exceeded", param="file", code=None
        )
    model = _field(form, "model")
    response_format = _field(form, "response_format") or "json"
    granularities = frozenset(map(str, form.getlist("timestamp_granularities[]")))
    _check_format(model, response_format, granularities)
    return Wish(
        audio=audio,
        response_format=response_format,
        granularities=granularities or frozenset({"segment"}),
        language=_field(form, "language"),
        prompt=_field(form, "prompt"),
    )


def _check_format(model: str | None, response_format: str, granularities: frozenset[str]) -> None:
    if not model:
        raise _bad("you must provide a model parameter", "model")
    if model not in TIMED_MODELS | UNTIMED_MODELS:
        raise _bad(f"invalid model ID '{model[:60]}'", "model", "invalid_model")
    if response_format not in FORMATS:
        raise _bad("response_format must be json, text or verbose_json", "response_format")
    if model in UNTIMED_MODELS and response_format == "verbose_json":
        message = f"response_format 'verbose_json' is not compatible with model '{model}'"
        raise _bad(message, "response_format", "unsupported_value")
    if granularities and response_format != "verbose_json":
        message = "timestamp_granularities needs response_format 'verbose_json'"
        raise _bad(message, "timestamp_granularities")
    if granularities - {"word", "segment"}:
        raise _bad("timestamp_granularities must be word or segment", "timestamp_granularities")


def _field(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _render(heard: Heard, wish: Wish) -> Response:
    usage = {"type": "duration", "seconds": round(heard.duration + 0.5)}
    if wish.response_format == "text":
        return PlainTextResponse(heard.text + "\n")
    if wish.response_format == "json":
        return _json({"text": heard.text, "usage": usage})
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": heard.language,
        "duration": heard.duration,
        "text": heard.text,
        "usage": usage,
    }
    if "segment" in wish.granularities:
        body["segments"] = heard.segments
    if "word" in wish.granularities:
        body["words"] = heard.words
    return _json(body)


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")


async def models(_request: Request) -> JSONResponse:
    """The models that are answered for."""
    names = sorted(TIMED_MODELS | UNTIMED_MODELS)
    return JSONResponse({"object": "list", "data": [{"id": n, "object": "model"} for n in names]})


async def healthz(_request: Request) -> JSONResponse:
    """Say that the server is up; the model loads beside."""
    return JSONResponse({"ok": True})


def create_app(data_dir: Path) -> Faults:
    """The server; the model begins to load when it starts, or with the first request."""
    model = SpeechModel(model_path(data_dir))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.model = model
        async with anyio.create_task_group() as background:
            if not os.environ.get("WHISPER_LAZY"):
                background.start_soon(anyio.to_thread.run_sync, model.load)
            yield

    return Faults(
        Starlette(
            routes=[
                Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
                Route("/v1/models", models),
                Route("/healthz", healthz),
            ],
            lifespan=lifespan,
        )
    )


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.whisper", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()
    if not os.environ.get("WHISPER_MODEL_HUB"):
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        app = create_app(arguments.data_dir)
    except PartFailed as error:
        sys.exit(str(error))
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
