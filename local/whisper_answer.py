"""What was heard, in each of the formats in which OpenAI answers."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import PlainTextResponse, Response

from local.speech_model import Heard
from local.whisper_request import TOKEN_BILLED_MODELS, Wish
from pipeline.speech.languages import ENGLISH_NAMES

AUDIO_TOKENS_PER_SECOND = 10
"""What OpenAI bills for its gpt-4o transcribers."""


def render(heard: Heard, wish: Wish) -> Response:
    """The answer to a request."""
    if wish.response_format == "text":
        return PlainTextResponse(heard.text + "\n")
    if wish.response_format == "srt":
        return PlainTextResponse(_srt(heard))
    if wish.response_format == "vtt":
        return PlainTextResponse(_vtt(heard))
    body = _verbose(heard, wish) if wish.response_format == "verbose_json" else _plain(heard, wish)
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")


def _plain(heard: Heard, wish: Wish) -> dict[str, Any]:
    body: dict[str, Any] = {"text": heard.text, "usage": _usage(heard, wish)}
    if wish.model == "gpt-transcribe":
        body["languages"] = [{"code": heard.language}] if heard.text else []
    return body


def _verbose(heard: Heard, wish: Wish) -> dict[str, Any]:
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": ENGLISH_NAMES.get(heard.language, heard.language),
        "duration": heard.duration,
        "text": heard.text,
        "usage": _usage(heard, wish),
    }
    if "segment" in wish.granularities:
        body["segments"] = heard.segments
    if "word" in wish.granularities:
        body["words"] = heard.words
    return body


def _usage(heard: Heard, wish: Wish) -> dict[str, Any]:
    """Begun seconds; for the models that are billed by tokens, an estimate of those."""
    if wish.model not in TOKEN_BILLED_MODELS:
        return {"type": "duration", "seconds": math.ceil(heard.duration)}
    audio = math.ceil(heard.duration * AUDIO_TOKENS_PER_SECOND)
    output = sum(len(segment["tokens"]) for segment in heard.segments)
    return {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"audio_tokens": audio, "text_tokens": 0},
        "output_tokens": output,
        "total_tokens": audio + output,
    }


def _srt(heard: Heard) -> str:
    return "".join(
        f"{number}\n{_clock(segment['start'], ',')} --> {_clock(segment['end'], ',')}\n"
        f"{segment['text'].strip()}\n\n"
        for number, segment in enumerate(heard.segments, start=1)
    )


def _vtt(heard: Heard) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_clock(segment['start'], '.')} --> {_clock(segment['end'], '.')}\n"
        f"{segment['text'].strip()}\n\n"
        for segment in heard.segments
    )


def _clock(seconds: float, mark: str) -> str:
    """As `hh:mm:ss,mmm`, with the format's decimal mark."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
