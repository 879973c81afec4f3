"""Whisper through the OpenAI SDK: a file of compact speech in, what was heard out.

What the SDK raises becomes ours here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pipeline import tracing
from pipeline.audio import CONTENT_TYPE, FILE_NAME
from pipeline.errors import (
    RateLimited,
    TimedOut,
    TranscriptionRejected,
    TranscriptionUnavailable,
)
from pipeline.language import AUTO, UNKNOWN, code_of
from pipeline.plain_text import PlainText
from pipeline.retry_after import seconds_in
from pipeline.settings import Settings
from pipeline.speech.transcript import Word
from pipeline.transcribe.heard import Heard, HeardSegment

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.audio import Transcription, TranscriptionVerbose

CONNECT_TIMEOUT_SECONDS = 5.0
TOTAL_TIMEOUT_SECONDS = 300.0
"""For one call, well below what QStash waits for the whole delivery."""
TIMED_MODELS = "whisper"
"""Only models whose name begins so answer with times."""


class _Answer(BaseModel):
    """What we read of an answer. The SDK hands out whatever came, of any shape, unchecked."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class _AnsweredWord(_Answer):
    word: PlainText
    start: float
    end: float


class _AnsweredSegment(_Answer):
    text: PlainText
    start: float
    end: float
    no_speech_prob: float
    avg_logprob: float
    compression_ratio: float


class _AnsweredLanguage(_Answer):
    code: PlainText


class _Answered(_Answer):
    text: PlainText
    language: PlainText | None = None
    """Whisper names one language in English."""
    languages: list[_AnsweredLanguage] | None = None
    """Its successor lists codes, the likeliest first."""
    segments: list[_AnsweredSegment] | None = None
    """None: a model that gives no times."""
    words: list[_AnsweredWord] | None = None


class WhisperTranscriber:
    """OpenAI's transcription endpoint, or any server that speaks its protocol."""

    def __init__(self, client: OpenAI, *, model: str) -> None:
        self._client = client
        # Looked up now: the SDK loads it when first looked up, which takes a while.
        self._create = client.audio.transcriptions.create
        self._model = model

    @classmethod
    def connect(cls, settings: Settings) -> WhisperTranscriber:
        """A client for the configured server; nothing is sent yet.

        Raises:
            ConfigurationMissing: there is no OPENAI_API_KEY.
        """
        key = settings.require("OPENAI_API_KEY")
        # The SDK looks into httpx with each request where anybody has loaded it. Another thread may
        # have loaded half of it, with the queue's SDK.
        import httpx  # noqa: F401 - for that alone
        import httpx2
        from openai import OpenAI

        client = OpenAI(
            api_key=key,
            base_url=settings.openai_base_url,
            timeout=httpx2.Timeout(TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            max_retries=0,  # the queue retries; two kinds of retries would multiply
        )
        return cls(client, model=settings.whisper_model)

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._model

    def transcribe(self, speech: Path, *, language: str, prompt: str | None) -> Heard:
        """Send the file.

        Raises:
            TranscriptionRejected: the service refuses this audio.
            TranscriptionUnavailable, RateLimited, TimedOut: try again later.
        """
        with (
            tracing.call("whisper transcribe", model=self._model),
            speech.open("rb") as audio,
            _as_ours(),
        ):
            answer = self._ask((FILE_NAME, audio, CONTENT_TYPE), language, prompt)
            return _in_our_terms(_Answered.model_validate(answer))

    def ping(self) -> None:
        """Ask whether the service takes our key and knows our model.

        Raises:
            TranscriptionUnavailable, RateLimited, TimedOut: it does not, now.
        """
        with _as_ours():
            self._client.models.retrieve(self._model)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _ask(
        self, file: tuple[str, BufferedReader, str], language: str, prompt: str | None
    ) -> Transcription | TranscriptionVerbose:
        """With times where the model gives any."""
        from openai import omit

        spoken = omit if language == AUTO else language
        told = omit if prompt is None else prompt
        if not self._model.startswith(TIMED_MODELS):
            return self._create(
                file=file,
                model=self._model,
                prompt=told,
                language=spoken,
                temperature=0,
                response_format="json",
            )
        return self._create(
            file=file,
            model=self._model,
            prompt=told,
            language=spoken,
            temperature=0,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )


def _in_our_terms(answer: _Answered) -> Heard:
    return Heard(
        text=answer.text,
        language=_language_of(answer),
        segments=None
        if answer.segments is None
        else tuple(
            HeardSegment(
                text=segment.text.strip(),
                start=segment.start,
                end=segment.end,
                no_speech_prob=segment.no_speech_prob,
                avg_logprob=segment.avg_logprob,
                compression_ratio=segment.compression_ratio,
            )
            for segment in answer.segments
        ),
        words=tuple(Word(word.word.strip(), word.start, word.end) for word in answer.words or ()),
    )


def _language_of(answer: _Answered) -> str:
    if answer.language:
        return code_of(answer.language)
    return answer.languages[0].code if answer.languages else UNKNOWN


@contextmanager
def _as_ours() -> Iterator[None]:
    """Turn what the SDK raises into our errors, by class and status."""
    import openai

    try:
        yield
    except openai.APITimeoutError as error:
        raise TimedOut("The transcription service did not answer in time.") from error
    except openai.APIConnectionError as error:
        raise TranscriptionUnavailable from error
    except openai.APIStatusError as error:
        raise _by_status(error.status_code, seconds_in(error.response.headers)) from error
    except openai.OpenAIError as error:
        raise TranscriptionUnavailable from error
    except (ValueError, RecursionError) as error:
        # An answer of 200 that is not JSON, or JSON of another shape.
        raise TranscriptionUnavailable from error


def _by_status(status: int, retry_after: float | None) -> Exception:
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return RateLimited(retry_after=retry_after)
    if status in {408, 504}:
        return TimedOut(
            "The transcription service did not answer in time.", retry_after=retry_after
        )
    if status in {400, 413, 415, 422}:
        return TranscriptionRejected()
    # 401, 403, 404 are ours to mend: keys, model names. A retry works once they are.
    return TranscriptionUnavailable(retry_after=retry_after)
