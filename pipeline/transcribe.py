"""Whisper through the OpenAI SDK: compact speech in, a gated transcript out.

What the SDK raises becomes ours here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.audio import CONTENT_TYPE, FILE_NAME, Normalised
from pipeline.errors import (
    NoSpeech,
    RateLimited,
    TimedOut,
    TranscriptionRejected,
    TranscriptionUnavailable,
)
from pipeline.language import AUTO
from pipeline.plain_text import PlainText
from pipeline.retry_after import seconds_in
from pipeline.settings import Settings
from pipeline.speech.transcript import Segment, Transcript, Word

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.audio import Transcription, TranscriptionVerbose

CONNECT_TIMEOUT_SECONDS = 5.0
TOTAL_TIMEOUT_SECONDS = 300.0
"""For one call, well below what QStash waits for the whole delivery."""

PROMPT = "Um, uh, hmm, er, ah."
"""In the speaker's own style, or Whisper tidies these words away (facts.md)."""

# The gate of speech.md §3; Whisper's own decoder uses the first, second and third too.
NO_SPEECH_PROBABILITY = 0.6
NO_SPEECH_LOGPROB = -1.0
LOOPING_COMPRESSION_RATIO = 2.4
UNSURE_LOGPROB = -0.8

LANGUAGE_CODES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "polish": "pl",
    "russian": "ru",
    "ukrainian": "uk",
    "turkish": "tr",
    "arabic": "ar",
    "hebrew": "he",
    "hindi": "hi",
    "chinese": "zh",
    "japanese": "ja",
    "korean": "ko",
}
"""`verbose_json` answers with a language's English name; what is not listed stays as it is."""


class _Answer(BaseModel):
    """What we read of an answer. The SDK hands out whatever came, of any shape, unchecked."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class _HeardWord(_Answer):
    word: PlainText
    start: float
    end: float


class _HeardSegment(_Answer):
    text: PlainText
    start: float
    end: float
    no_speech_prob: float
    avg_logprob: float
    compression_ratio: float


class _Heard(_Answer):
    text: PlainText
    language: PlainText | None = None
    segments: list[_HeardSegment] | None = None
    """None: a model that gives no times."""
    words: list[_HeardWord] | None = None


class Transcriber(Protocol):
    """The seam: whatever turns speech into words."""

    def transcribe(self, speech: Normalised, *, language: str) -> Transcript:
        """What was said; times may be absent."""

    def close(self) -> None:
        """Give back the connections."""


class WhisperTranscriber:
    """OpenAI's transcription endpoint, or any server that speaks its protocol."""

    def __init__(self, client: OpenAI, *, model: str) -> None:
        self._client = client
        self._model = model

    @classmethod
    def connect(cls, settings: Settings) -> WhisperTranscriber:
        """A client for the configured server; nothing is sent yet.

        Raises:
            ConfigurationMissing: there is no OPENAI_API_KEY.
        """
        key = settings.require("OPENAI_API_KEY")
        import httpx2
        from openai import OpenAI

        client = OpenAI(
            api_key=key,
            base_url=settings.openai_base_url,
            timeout=httpx2.Timeout(TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            max_retries=0,  # the queue retries; two kinds of retries would multiply
        )
        return cls(client, model=settings.whisper_model)

    def transcribe(self, speech: Normalised, *, language: str) -> Transcript:
        """Send the file, gate the answer.

        Raises:
            NoSpeech: nothing that may be trusted was said.
            TranscriptionRejected: the service refuses this audio.
            TranscriptionUnavailable, RateLimited, TimedOut: try again later.
        """
        with _as_ours(), speech.path.open("rb") as audio:
            answer = self._ask((FILE_NAME, audio, CONTENT_TYPE), language)
            heard = _Heard.model_validate(answer)
        if heard.segments is None:
            segments = _untimed(heard.text)
        else:
            segments = _timed(heard.segments, heard.words or [])
        if not segments:
            raise NoSpeech
        return Transcript(
            segments=segments,
            language=_language_of(heard, asked=language),
            duration=speech.duration,
            engine=self._model,
            silences=speech.silences,
        )

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _ask(
        self, file: tuple[str, BufferedReader, str], language: str
    ) -> Transcription | TranscriptionVerbose:
        """With times where the model gives any: only the whisper models do."""
        from openai import omit

        create = self._client.audio.transcriptions.create
        spoken = omit if language == AUTO else language
        if not self._model.startswith("whisper"):
            return create(
                file=file,
                model=self._model,
                prompt=PROMPT,
                language=spoken,
                temperature=0,
                response_format="json",
            )
        return create(
            file=file,
            model=self._model,
            prompt=PROMPT,
            language=spoken,
            temperature=0,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )


def _timed(segments: list[_HeardSegment], spoken: list[_HeardWord]) -> tuple[Segment, ...]:
    """Segments that pass the gate, each with the words whose middle lies in it."""
    words = [Word(w.word.strip(), w.start, w.end) for w in spoken]
    found: list[Segment] = []
    for heard in segments:
        text = heard.text.strip()
        unheard = (
            heard.no_speech_prob > NO_SPEECH_PROBABILITY and heard.avg_logprob < NO_SPEECH_LOGPROB
        )
        looped = (
            bool(found)
            and found[-1].text == text
            and heard.compression_ratio > (LOOPING_COMPRESSION_RATIO)
        )
        if not text or unheard or looped:
            continue
        found.append(
            Segment(
                index=len(found),
                text=text,
                start=heard.start,
                end=heard.end,
                suspect=heard.compression_ratio > LOOPING_COMPRESSION_RATIO
                or heard.avg_logprob < UNSURE_LOGPROB,
                words=_within(words, heard.start, heard.end),
            )
        )
    return tuple(found)


def _within(words: list[Word], start: float, end: float) -> tuple[Word, ...]:
    """The words whose middle lies in the segment: engines let ends touch."""
    return tuple(
        word
        for word in words
        if word.start is not None
        and word.end is not None
        and start <= (word.start + word.end) / 2 < end
    )


def _untimed(text: str) -> tuple[Segment, ...]:
    """A transcript without times: one segment a sentence, so that quotes have a place."""
    from pipeline.speech.words import sentences_of

    return tuple(
        Segment(index=position, text=sentence)
        for position, sentence in enumerate(sentences_of(text.strip()))
    )


def _language_of(heard: _Heard, *, asked: str) -> str:
    """The ISO code that was asked for, or what the engine says it heard."""
    if asked != AUTO:
        return asked
    named = (heard.language or "und").lower()
    return LANGUAGE_CODES.get(named, named)


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
