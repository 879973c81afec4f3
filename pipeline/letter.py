"""What a dead letter says: what it was for, of which session and run, and how we answered it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TypeVar
from uuid import UUID

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import RostrumError
from pipeline.queue import Letter
from pipeline.settings import Settings

NON_RETRYABLE = 489
"""The answer that ends a message before its last delivery."""


class Purpose(StrEnum):
    """Which of our webhooks a message was for."""

    PROCESS = "process"
    FAILED = "failed"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Contents:
    """What we read in a letter; the rest of it is not kept."""

    purpose: Purpose
    session_id: UUID | None
    run_id: UUID | None
    code: str | None
    """Our code in the last answer; None: it was not our answer."""
    deliveries: int | None
    """How many were made; None: an answer ended them early, and the queue does not say when."""


class _Message(BaseModel):
    """What `enqueue_processing` publishes."""

    model_config = ConfigDict(frozen=True)

    session_id: UUID = Field(alias="sessionId")
    run_id: UUID | None = Field(None, alias="runId")


class FailureCallback(BaseModel):
    """The part of QStash's failure callback that we read: the message behind it."""

    model_config = ConfigDict(frozen=True)

    source_body: Base64Bytes = Field(alias="sourceBody")
    message_id: str | None = Field(None, alias="sourceMessageId")


class _Answer(BaseModel):
    """Our error, as every endpoint of ours answers it."""

    model_config = ConfigDict(frozen=True)

    error: str
    code: str


Model = TypeVar("Model", bound=BaseModel)


def contents(letter: Letter, settings: Settings) -> Contents | None:
    """What a letter says, or None where it was not sent to an address of ours."""
    purposes = {
        settings.process_url: Purpose.PROCESS,
        settings.failed_url: Purpose.FAILED,
        settings.sweep_url: Purpose.SWEEP,
    }
    purpose = purposes.get(letter.url)
    if purpose is None:
        return None
    message = _message(purpose, letter.body)
    ended_early = letter.status == NON_RETRYABLE
    return Contents(
        purpose=purpose,
        session_id=message.session_id if message else None,
        run_id=message.run_id if message else None,
        code=_code(letter.answer),
        deliveries=None if ended_early else letter.most_deliveries,
    )


def _message(purpose: Purpose, body: bytes) -> _Message | None:
    """The message, or the one that a failure callback tells of."""
    if purpose is Purpose.FAILED:
        callback = _read(FailureCallback, body)
        body = callback.source_body if callback else b""
    return _read(_Message, body)


def _code(answer: bytes) -> str | None:
    """Only what is a code of ours: a proxy's answer may hold anything."""
    ours = _read(_Answer, answer)
    return ours.code if ours and ours.code in _our_codes() else None


@cache
def _our_codes() -> frozenset[str]:
    return frozenset(_codes(RostrumError))


def _codes(error: type[RostrumError]) -> Iterator[str]:
    yield error.code
    for narrower in error.__subclasses__():
        yield from _codes(narrower)


def _read(model: type[Model], body: bytes) -> Model | None:
    """The body as this model; None: it is something else, and nobody need know what."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None
