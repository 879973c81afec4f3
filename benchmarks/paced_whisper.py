"""A Whisper that takes a tenth of the audio's length for each call, as the real one about does.

`python -m benchmarks.paced_whisper --port 9102 --data-dir .` It hears nothing: each answer is
one sentence for every ten seconds. It counts the bytes that it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import io
from pathlib import Path
from typing import Any

import av
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SHARE = 0.1
"""Of the audio's length."""
SENTENCE = "So we made another plan for the small hospital in our town number"
SECONDS_PER_SENTENCE = 10

_sent: list[int] = []


async def transcriptions(request: Request) -> JSONResponse:
    """Wait, then answer."""
    async with request.form() as form:
        file = form["file"]
        assert isinstance(file, UploadFile)  # noqa: S101 - our own pipeline sends it
        content = await file.read()
    _sent.append(len(content))
    seconds = await asyncio.to_thread(_seconds_of, content)
    await asyncio.sleep(SHARE * seconds)
    return JSONResponse(_answer(seconds))


def _seconds_of(content: bytes) -> float:
    with av.open(io.BytesIO(content), "r") as container:
        return float((container.duration or 0) / av.time_base)


def _answer(seconds: float) -> dict[str, Any]:
    sentences, segments, words = [], [], []
    for number in range(max(1, int(seconds / SECONDS_PER_SENTENCE))):
        begin = number * SECONDS_PER_SENTENCE
        text = f"{SENTENCE} {number}."
        sentences.append(text)
        segments.append(
            {
                "id": number,
                "seek": 0,
                "start": begin,
                "end": begin + 6,
                "text": text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": -0.2,
                "compression_ratio": 1.3,
                "no_speech_prob": 0.01,
            }
        )
        words += [
            {"word": word.strip("."), "start": begin + i / 3, "end": begin + (i + 1) / 3}
            for i, word in enumerate(text.split())
        ]
    return {
        "language": "english",
        "duration": seconds,
        "text": " ".join(sentences),
        "segments": segments,
        "words": words,
    }


async def sent(_request: Request) -> JSONResponse:
    """The size of each file since the last time that this was asked."""
    answer = JSONResponse({"bytes": list(_sent)})
    _sent.clear()
    return answer


async def healthz(_request: Request) -> JSONResponse:
    """Say that the server is up."""
    return JSONResponse({"ok": True})


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paced_whisper", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path)
    app = Starlette(
        routes=[
            Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
            Route("/sent", sent),
            Route("/healthz", healthz),
        ]
    )
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
