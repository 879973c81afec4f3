"""What OpenAI's transcription endpoint takes and what it refuses, before anything is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from pipeline.speech.languages import ENGLISH_NAMES

TIMED_MODELS = frozenset({"whisper-1", "whisper-base"})
TOKEN_BILLED_MODELS = frozenset({"gpt-4o-transcribe", "gpt-4o-mini-transcribe"})
UNTIMED_MODELS = TOKEN_BILLED_MODELS | {"gpt-transcribe"}
"""OpenAI's newer models answer `json` or `text`, without times; so do these names here."""
UNTIMED_FORMATS = frozenset({"json", "text"})
FORMATS = UNTIMED_FORMATS | {"verbose_json", "srt", "vtt"}
GRANULARITIES = frozenset({"word", "segment"})
MOST_BYTES = 25 * 1024 * 1024
MOST_BYTES_BESIDE = 1024 * 1024
"""For the other fields of the form and its boundaries."""


class Refusal(Exception):
    """What OpenAI would not take, in the shape in which it says so."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"message": message, "type": kind, "param": param, "code": code},
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked request."""

    audio: UploadFile
    model: str
    response_format: str
    granularities: frozenset[str]
    language: str | None
    """A code that Whisper knows; None means that it finds out."""
    prompt: str | None
    temperature: float
    """0 to 1."""


def authorise(request: Request) -> None:
    """Any key will do, none will not.

    Raises:
        Refusal: 401.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an "
            "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )


def bounded(request: Request) -> Request:
    """The same request, whose body is refused (413) once it is larger than any file may be."""
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        while taken > MOST_BYTES + MOST_BYTES_BESIDE and message["type"] == "http.request":
            if not message.get("more_body"):
                _refuse_size()  # only now: a caller that is still sending would not read it
            message = await request.receive()
        return message

    return Request(request.scope, receive)


def read_wish(form: FormData) -> Wish:
    """Check a form field by field.

    Raises:
        Refusal: 400 or 413.
    """
    audio = form.get("file")
    if not isinstance(audio, UploadFile):
        raise _bad("you must provide a file to transcribe", "file")
    if (audio.size or 0) > MOST_BYTES:
        _refuse_size()
    model = _model(form)
    response_format = _format(form, model)
    return Wish(
        audio=audio,
        model=model,
        response_format=response_format,
        granularities=_granularities(form, response_format),
        language=_language(form),
        prompt=_field(form, "prompt"),
        temperature=_temperature(form),
    )


def _model(form: FormData) -> str:
    model = _field(form, "model")
    if model is None:
        raise _bad("you must provide a model parameter", "model")
    if model not in TIMED_MODELS | UNTIMED_MODELS:
        raise _bad(f"invalid model ID '{model[:60]}'", "model", "invalid_model")
    return model


def _format(form: FormData, model: str) -> str:
    chosen = _field(form, "response_format") or "json"
    if chosen not in FORMATS:
        raise _bad(f"response_format must be one of {_listed(FORMATS)}", "response_format")
    if model in UNTIMED_MODELS and chosen not in UNTIMED_FORMATS:
        message = (
            f"response_format '{chosen}' is not compatible with model '{model}'. "
            f"Use one of {_listed(UNTIMED_FORMATS)} instead."
        )
        raise _bad(message, "response_format", "unsupported_value")
    if model in UNTIMED_MODELS and _field(form, "stream") == "true":
        raise _bad("This local server does not stream", "stream", "unsupported_value")
    return chosen


def _granularities(form: FormData, response_format: str) -> frozenset[str]:
    asked = frozenset(map(str, form.getlist("timestamp_granularities[]")))
    if asked and response_format != "verbose_json":
        message = "timestamp_granularities needs response_format 'verbose_json'"
        raise _bad(message, "timestamp_granularities")
    if asked - GRANULARITIES:
        message = f"timestamp_granularities must be among {_listed(GRANULARITIES)}"
        raise _bad(message, "timestamp_granularities")
    return asked or frozenset({"segment"})


def _language(form: FormData) -> str | None:
    language = _field(form, "language")
    if language is not None and language not in ENGLISH_NAMES:
        message = (
            f"Invalid language '{language[:60]}'. "
            "Language parameter must be specified in ISO-639-1 format."
        )
        raise _bad(message, "language", "invalid_language_format")
    return language


def _temperature(form: FormData) -> float:
    try:
        temperature = float(_field(form, "temperature") or 0)
    except ValueError as error:
        raise _bad("temperature must be a number", "temperature") from error
    if not 0 <= temperature <= 1:
        raise _bad("temperature must be between 0 and 1", "temperature")
    return temperature


def _field(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _bad(message: str, param: str, code: str | None = None) -> Refusal:
    return Refusal(400, message, param=param, code=code)


def _refuse_size() -> NoReturn:
    raise Refusal(413, f"Maximum content size limit ({MOST_BYTES}) exceeded", param="file")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
