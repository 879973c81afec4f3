"""faster-whisper as the local Whisper server uses it: int8 on two cores, fillers kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio

if TYPE_CHECKING:
    import numpy as np
    from faster_whisper import WhisperModel

BEAM_SIZE = 5
"""A beam of 1 is a quarter faster and hears a little worse (the numbers: samples/README.md)."""
AT_ONCE = 2
"""Transcriptions side by side, each on one core."""
BATCHED_FROM_SECONDS = 300.0
"""From this length on several stretches are decoded at once: an eighth less
work; but a lost model is not heard again at a higher temperature, so shorter ones
are decoded in order (the numbers: samples/README.md)."""
BATCH_SIZE = 8
SENTENCE_ENDS = (".", "?", "!", "…")
CLIMB = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Temperatures tried in turn when 0 is asked for; without them one loop gave 50 % wrong words."""
RATE = 16_000
"""Samples a second, the model's own."""
PUNCTUATION = ' \t\n.,;:!?…"“”()[]{}'


class UnreadableAudio(Exception):
    """FFmpeg cannot decode it."""


class ModelUnusable(Exception):
    """The model cannot be loaded: a damaged folder, or a hub that is not reached."""


class GivenUp(Exception):
    """Nobody waits for this transcription any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model wrote, in OpenAI's terms."""

    text: str
    language: str
    """Its code."""
    duration: float
    """Seconds, of the whole recording."""
    segments: list[dict[str, Any]]
    """Times are those of the recording, silence included."""
    words: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Hearing:
    """How to listen."""

    language: str | None
    """A code; None means that the model finds out."""
    prompt: str | None
    temperature: float
    """0 begins without chance, and climbs where the model loops or is unsure, as OpenAI's does."""


class SpeechModel:
    """The model, loaded once; as many transcriptions at a time as there are cores."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._model: WhisperModel | None = None
        self._loading = threading.Lock()
        self.turns = anyio.CapacityLimiter(AT_ONCE)

    def load(self) -> WhisperModel:
        """The model; loading takes half a second.

        Raises:
            ModelUnusable: it cannot be loaded.
        """
        with self._loading:
            if self._model is None:
                from faster_whisper import WhisperModel

                try:
                    self._model = WhisperModel(
                        self._path,
                        device="cpu",
                        compute_type="int8",
                        cpu_threads=1,
                        num_workers=AT_ONCE,
                    )
                except (OSError, RuntimeError, ValueError) as error:
                    raise ModelUnusable(f"The model {self._path} cannot be loaded.") from error
            return self._model

    def transcribe(
        self, samples: np.ndarray[Any, Any], *, hearing: Hearing, given_up: threading.Event
    ) -> Heard:
        """Transcribe mono samples, looking before each segment whether anyone still waits.

        Raises:
            GivenUp: nobody does.
            ModelUnusable: see `load`.
        """
        long = seconds_of(samples) >= BATCHED_FROM_SECONDS
        found, info = (self._in_batches if long else self._in_order)(samples, hearing)
        segments = []
        for segment in found:  # lazy: this is where the work is done
            if given_up.is_set():
                raise GivenUp
            segments += _sentences(segment) if long else [segment]
        return Heard(
            text="".join(segment.text for segment in segments).strip(),
            language=info.language,
            duration=seconds_of(samples),
            segments=[_segment(number, segment) for number, segment in enumerate(segments)],
            words=[word for segment in segments for word in _words(segment)],
        )

    def _in_order(self, samples: np.ndarray[Any, Any], hearing: Hearing) -> tuple[Any, Any]:
        """Window after window: the temperature climbs where the model is lost."""
        # The filter, or the prompt that keeps fillers would invent them in silence. Earlier
        # text is not carried on: one loop would feed the next. Word times steer where the next
        # window begins, so all formats are heard with them and have the same text.
        heard: tuple[Any, Any] = self.load().transcribe(
            samples,
            language=hearing.language,
            initial_prompt=hearing.prompt,
            beam_size=BEAM_SIZE,
            temperature=hearing.temperature or CLIMB,
            vad_filter=True,
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        return heard

    def _in_batches(self, samples: np.ndarray[Any, Any], hearing: Hearing) -> tuple[Any, Any]:
        """Several stretches of speech at once, at one temperature."""
        from faster_whisper import BatchedInferencePipeline

        # Without its own marks of time the model hears better here: with them, a seventh of the
        # words of the sample was wrong, without them a hundredth. The words still have times.
        heard: tuple[Any, Any] = BatchedInferencePipeline(self.load()).transcribe(
            samples,
            language=hearing.language,
            initial_prompt=hearing.prompt,
            beam_size=BEAM_SIZE,
            temperature=hearing.temperature,
            batch_size=BATCH_SIZE,
            without_timestamps=True,
            word_timestamps=True,
        )
        return heard


def _sentences(stretch: Any) -> list[Any]:
    """A stretch of up to 30 s as segments of one sentence each, as OpenAI's would be."""
    sentences: list[list[Any]] = [[]]
    for word in stretch.words or []:
        sentences[-1].append(word)
        if word.word.strip().endswith(SENTENCE_ENDS):
            sentences.append([])
    return [
        replace(
            stretch,
            text="".join(word.word for word in words),
            start=words[0].start,
            end=words[-1].end,
            words=words,
            tokens=stretch.tokens if words is sentences[0] else [],
        )
        for words in sentences
        if words
    ]


def decode(audio: BinaryIO) -> np.ndarray[Any, Any]:
    """Any file that FFmpeg reads, as mono float samples at `RATE`.

    Raises:
        UnreadableAudio: it is none, it is cut before the first sample, or it has no sound track.
    """
    import av
    from faster_whisper.audio import decode_audio

    try:
        samples: np.ndarray[Any, Any] = decode_audio(audio, sampling_rate=RATE)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise UnreadableAudio from error
    return samples


def seconds_of(samples: np.ndarray[Any, Any]) -> float:
    """How long the samples last."""
    return round(len(samples) / RATE, 3)


def _segment(number: int, segment: Any) -> dict[str, Any]:
    return {
        "id": number,
        "seek": segment.seek,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature or 0.0,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _words(segment: Any) -> list[dict[str, Any]]:
    """As OpenAI writes them: without the marks around them, which leaves some with nothing."""
    stripped = [(word.word.strip(PUNCTUATION), word) for word in segment.words or []]
    return [
        {"word": text, "start": round(word.start, 3), "end": round(word.end, 3)}
        for text, word in stripped
        if text.strip("-–—")
    ]
