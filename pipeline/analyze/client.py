"""Claude through the Anthropic SDK: one question, at most one repair round.

What the SDK raises becomes ours here and nowhere else. `messages.create` rather than `parse`:
parse loses the stop reason and the usage of an answer that does not validate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline import tracing
from pipeline.analyze import answer, prompt
from pipeline.analyze.answer import Checked, Salvaged
from pipeline.analyze.price import Tokens, total_usd
from pipeline.analyze.prompt import Prompt
from pipeline.analyze.schema import Analysis
from pipeline.errors import (
    AnalysisInvalid,
    AnalysisRejected,
    AnalysisUnavailable,
    RateLimited,
    TimedOut,
)
from pipeline.finding import Dropped
from pipeline.plain_text import PlainText
from pipeline.retry_after import seconds_in
from pipeline.settings import Settings
from pipeline.speech.transcript import Transcript

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types import MessageParam

CONNECT_TIMEOUT_SECONDS = 5.0
TOTAL_TIMEOUT_SECONDS = 120.0
MOST_TOKENS = 4096
"""Five insights with three quotes each take about 1,500."""


UNFINISHED = {
    "max_tokens": "the answer was cut off because it was too long",
    "pause_turn": "the answer stopped before its end",
    "tool_use": "the answer asked for a tool, and there is none",
}
"""Stop reasons of answers that are not whole: they are not parsed, but asked for again."""


Count = Annotated[int, Field(ge=0, lt=2**31)]


class _Answer(BaseModel):
    """What we read of an answer. The SDK hands out whatever came, of any shape, unchecked."""

    model_config = ConfigDict(frozen=True, from_attributes=True, hide_input_in_errors=True)


class _Usage(_Answer):
    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class _Block(_Answer):
    type: str
    text: PlainText = ""


class _Message(_Answer):
    model: PlainText
    stop_reason: str | None
    content: list[_Block]
    usage: _Usage


@dataclass(frozen=True, slots=True)
class Reading:
    """A checked answer and what it took."""

    analysis: Analysis
    dropped: tuple[Dropped, ...]
    """Parts of the answer that broke the rules even after the repair round."""
    model: str
    """As the server named itself in the answer that was used."""
    prompt_version: str
    tokens: Tokens
    """Of all rounds."""
    cost_usd: Decimal | None
    """Of all rounds, each at the price of the model that answered; None if one is unknown."""


class Analyst(Protocol):
    """The seam: whatever reads a transcript as a coach would."""

    def analyze(self, transcript: Transcript) -> Reading:
        """What a coach would say of it, unproven until the quotes are located."""

    def ping(self) -> None:
        """Find out whether it would work, without work."""

    def close(self) -> None:
        """Give back the connections."""


class ClaudeAnalyst:
    """Anthropic's messages endpoint, or any server that speaks its protocol."""

    def __init__(self, client: Anthropic, *, model: str, asked: Prompt) -> None:
        self._client = client
        # Looked up now: the SDK loads it when first looked up, which takes a while.
        self._create = client.messages.create
        self._model = model
        self._asked = asked

    @classmethod
    def connect(cls, settings: Settings) -> ClaudeAnalyst:
        """A client for the configured server; nothing is sent yet.

        Raises:
            ConfigurationMissing: there is no ANTHROPIC_API_KEY, or no prompt PROMPT_VERSION.
        """
        key = settings.require("ANTHROPIC_API_KEY")
        asked = prompt.load(settings.prompt_version)
        import httpx2
        from anthropic import Anthropic

        client = Anthropic(
            api_key=key,
            base_url=settings.anthropic_base_url,
            timeout=httpx2.Timeout(TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            max_retries=0,  # the queue retries; two kinds of retries would multiply
        )
        return cls(client, model=settings.claude_model, asked=asked)

    def analyze(self, transcript: Transcript) -> Reading:
        """Ask, check, and where the answer breaks a rule ask once more with the reasons.

        Raises:
            AnalysisRejected: the model declines.
            AnalysisInvalid: no usable answer after the repair round.
            AnalysisUnavailable, RateLimited, TimedOut: try again later.
        """
        question: list[MessageParam] = [{"role": "user", "content": prompt.delimited(transcript)}]
        first = self._ask(question)
        _raise_if_refused(first)
        checked = _check(first)
        if checked.analysis:
            return self._reading(Salvaged(checked.analysis), first, rounds=[first])
        second = self._ask([*question, *_repair(_text(first), checked.reasons)])
        repaired = _check(second).analysis
        if repaired:
            return self._reading(Salvaged(repaired), second, rounds=[first, second])
        for message in (second, first):
            usable = answer.salvage(_text(message))
            if usable:
                return self._reading(usable, message, rounds=[first, second])
        _raise_if_refused(second)
        raise AnalysisInvalid

    def ping(self) -> None:
        """Ask whether the service takes our key and knows our model.

        Raises:
            AnalysisUnavailable, RateLimited, TimedOut: it does not, now.
        """
        with _as_ours():
            self._client.models.retrieve(self._model)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _reading(self, usable: Salvaged, used: _Message, *, rounds: Sequence[_Message]) -> Reading:
        return Reading(
            analysis=usable.analysis,
            dropped=usable.dropped,
            model=used.model,
            prompt_version=self._asked.version,
            tokens=sum((_tokens(message) for message in rounds), start=Tokens()),
            cost_usd=total_usd((message.model, _tokens(message)) for message in rounds),
        )

    def _ask(self, messages: list[MessageParam]) -> _Message:
        with tracing.call("claude messages", model=self._model) as note, _as_ours():
            answered = self._create(
                model=self._model,
                max_tokens=MOST_TOKENS,
                system=[
                    {
                        "type": "text",
                        "text": self._asked.system,
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
                messages=messages,
                output_config={"format": {"type": "json_schema", "schema": _schema()}},
            )
            message = _Message.model_validate(answered)
            used = message.usage
            note(tokens_read=used.input_tokens, tokens_written=used.output_tokens)
            return message


def _raise_if_refused(message: _Message) -> None:
    if message.stop_reason == "refusal":
        raise AnalysisRejected
    if message.stop_reason == "model_context_window_exceeded":
        raise AnalysisRejected("The talk is too long for the analysis service.")


def _check(message: _Message) -> Checked:
    """The answer by its stop reason first: what is not whole is not parsed."""
    unfinished = UNFINISHED.get(message.stop_reason or "")
    return Checked(None, (unfinished,)) if unfinished else answer.check(_text(message))


@cache
def _schema() -> dict[str, Any]:
    import anthropic

    return anthropic.transform_schema(Analysis)


def _text(message: _Message) -> str:
    """The answer's text: a thinking block may come before it, and a cut answer has an end."""
    return "".join(block.text for block in message.content if block.type == "text")


def _tokens(message: _Message) -> Tokens:
    used = message.usage
    return Tokens(
        read=used.input_tokens,
        written=used.output_tokens,
        cache_read=used.cache_read_input_tokens or 0,
        cache_write=used.cache_creation_input_tokens or 0,
    )


def _repair(text: str, reasons: tuple[str, ...]) -> list[MessageParam]:
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return [
        {"role": "assistant", "content": text or "(no answer)"},
        {
            "role": "user",
            "content": "That answer breaks these rules:\n"
            f"{listed}\nAnswer again, whole and shorter, keeping to the schema.",
        },
    ]


@contextmanager
def _as_ours() -> Iterator[None]:
    """Turn what the SDK raises into our errors, by class and status."""
    import anthropic

    try:
        yield
    except anthropic.APITimeoutError as error:
        raise TimedOut("The analysis service did not answer in time.") from error
    except anthropic.APIStatusError as error:
        raise _by_status(error.status_code, seconds_in(error.response.headers)) from error
    except (anthropic.AnthropicError, ValueError, RecursionError) as error:
        # An answer of 200 that is not JSON, or JSON of another shape.
        raise AnalysisUnavailable from error


def _by_status(status: int, retry_after: float | None) -> Exception:
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return RateLimited(retry_after=retry_after)
    if status in {408, 504}:
        return TimedOut("The analysis service did not answer in time.", retry_after=retry_after)
    if status in {400, 413, 422}:
        return AnalysisRejected("The analysis service does not accept this request.")
    # 401, 403, 404 are ours to mend: keys, model names. A retry works once they are.
    return AnalysisUnavailable(retry_after=retry_after)
