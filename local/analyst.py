"""Anthropic's `/v1/messages` on one machine, answered by rules, and refusing what it refuses.

`python -m local.analyst --port 9103`. The model in each answer is `rostrum-rules-1`: nobody
may take it for Claude.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.analyst_rules import read
from local.faults import Faults
from pipeline.speech.transcript import Segment, Transcript

MODEL = "rostrum-rules-1"
ACCEPTED_MODELS = frozenset({MODEL, "claude-haiku-5-5", "claude-haiku-4-5"})
CREATED = "2026-01-01T00:00:00Z"
"""Of every model that is answered for."""
SAMPLING = ("temperature", "top_p", "top_k")
UNSUPPORTED_KEYWORDS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "pattern",
    }
)
CHARACTERS_PER_TOKEN = 4
CACHED: set[str] = set()
"""System prompts that were marked for the cache."""
_TALK = re.compile(r"<(transcript-[0-9a-f]+)>\n(.*?)\n?</\1>", re.DOTALL)
_LINE = re.compile(r"\[(\d+)( suspect)?\] ?(.*)")
_LENGTH = re.compile(r"Length: (\d+(?:\.\d+)?) s")


class Refusal(Exception):
    """What the real service would not take."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def _bad(message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", message)


async def messages(request: Request) -> JSONResponse:
    """Answer one question, as Anthropic would in form."""
    _authorise(request)
    body = _body(await request.body())
    _check(body)
    return JSONResponse(_answer(body))


async def one_model(request: Request) -> JSONResponse:
    """One of the models that are answered for."""
    _authorise(request)
    name = request.path_params["name"]
    _check_model(name)
    shown = {"type": "model", "id": name, "display_name": name, "created_at": CREATED}
    return JSONResponse(shown)


async def refused(_request: Request, error: Exception) -> JSONResponse:
    """A refusal as Anthropic words it."""
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(
        {
            "type": "error",
            "error": {"type": error.kind, "message": error.message},
            "request_id": f"req_{secrets.token_hex(8)}",
        },
        status_code=error.status,
    )


async def healthz(_request: Request) -> JSONResponse:
    """Say that the server is up."""
    return JSONResponse({"ok": True, "model": MODEL})


def _authorise(request: Request) -> None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not (bearer or request.headers.get("x-api-key")):
        raise Refusal(401, "authentication_error", "x-api-key header is required")
    if "anthropic-version" not in request.headers:
        raise _bad("anthropic-version: header is required")


def _body(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise _bad("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise _bad("The request body must be a JSON object.")
    return body


def _check_model(name: object) -> None:
    if name not in ACCEPTED_MODELS:
        raise Refusal(404, "not_found_error", "model: no such model")


def _check(body: dict[str, Any]) -> None:
    _check_model(body.get("model"))
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        raise _bad("max_tokens: a positive integer is required")
    for name in SAMPLING:
        if name in body:
            raise _bad(f"{name}: this model does not support sampling parameters")
    turns = body.get("messages")
    if not isinstance(turns, list) or not turns:
        raise _bad("messages: at least one message is required")
    if turns[0].get("role") != "user":
        raise _bad("messages: the first message must use the user role")
    if turns[-1].get("role") == "assistant":
        raise _bad("messages: this model does not support assistant message prefill")
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is not None:
        if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
            raise _bad("output_config.format: expected a json_schema with a schema")
        _check_schema(wanted["schema"], "output_config.format.schema")


def _check_schema(schema: Any, path: str) -> None:
    """Refuse what structured outputs do not support, wherever it stands."""
    if isinstance(schema, list):
        for item in schema:
            _check_schema(item, path)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise _bad(f"{path}: for 'object' type, 'additionalProperties' must be false")
    refused = UNSUPPORTED_KEYWORDS & schema.keys()
    if refused:
        raise _bad(f"{path}: '{min(refused)}' is not supported")
    for name, inner in schema.items():
        # Names of properties and definitions are not keywords.
        below = inner.values() if name in {"properties", "$defs"} else [inner]
        for item in below:
            _check_schema(item, f"{path}.{name}")


def _answer(body: dict[str, Any]) -> dict[str, Any]:
    talk = _transcript(_text(body["messages"][0].get("content")))
    found = read(talk) if talk else None
    text = json.dumps(found, ensure_ascii=False) if found else ""
    stop = "end_turn" if found else "refusal"
    most = body["max_tokens"] * CHARACTERS_PER_TOKEN
    if len(text) > most:
        text, stop = text[:most], "max_tokens"
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"output_tokens": _tokens(text), **_input_tokens(body)},
    }


def _input_tokens(body: dict[str, Any]) -> dict[str, int]:
    """What was sent, by kind: a system prompt marked for the cache is written once, then read.

    Unlike Anthropic's, this cache has no shortest length and forgets nothing.
    """
    system, blocks = _text(body.get("system")), body.get("system")
    asked = "".join(_text(message.get("content")) for message in body["messages"])
    kinds = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    if not isinstance(blocks, list) or not any("cache_control" in block for block in blocks):
        return {**kinds, "input_tokens": _tokens(system + asked)}
    kind = "cache_read_input_tokens" if system in CACHED else "cache_creation_input_tokens"
    CACHED.add(system)
    return {**kinds, kind: _tokens(system), "input_tokens": _tokens(asked)}


def _tokens(text: str) -> int:
    return max(1, len(text) // CHARACTERS_PER_TOKEN)


def _text(content: Any) -> str:
    """The text of a message or system field, given as a string or as blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block.get("text", "") for block in blocks if isinstance(block, dict))


def _transcript(question: str) -> Transcript | None:
    """The talk between the question's tags; None where there is none."""
    found = _TALK.search(question)
    if found is None:
        return None
    lines = [_LINE.fullmatch(line) for line in found.group(2).splitlines()]
    segments = tuple(
        Segment(index=int(line.group(1)), text=line.group(3), suspect=bool(line.group(2)))
        for line in lines
        if line and line.group(3).strip()
    )
    length = _LENGTH.search(question[: found.start()])
    return Transcript(
        segments=segments,
        language="en",
        duration=float(length.group(1)) if length else 0.0,
        engine="",
    )


app = Faults(
    Starlette(
        routes=[
            Route("/v1/messages", messages, methods=["POST"]),
            Route("/v1/models/{name}", one_model),
            Route("/healthz", healthz),
        ],
        exception_handlers={Refusal: refused},
    )
)


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.analyst", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
