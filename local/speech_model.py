"""faster-whisper as the local Whisper server uses it: int8 on two cores, fillers kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

BEAM_SIZE = 5
"""On the sample: word error rate 0.04, with a beam of 1 0.25 (python -m local.demo prints it)."""
AT_ONCE = 2
"""Each on one core: a second thread made one transcription no faster."""
RATE = 16_000
PUNCTUATION = ' \t\n.,;:!?…"“”()[]{}'

LANGUAGE_NAMES = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "he": "hebrew",
    "hi": "hindi",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "tr": "turkish",
    "uk": "ukrainian",
    "zh": "chinese",
}
"""OpenAI answers with names; what is not listed here keeps its code."""


class UnreadableAudio(Exception):
    """FFmpeg cannot decode it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model wrote, in OpenAI's terms."""

    text: str
    language: str
    duration: float
    segments: list[dict[str, Any]]
    words: list[dict[str, Any]]


class SpeechModel:
    """The model, loaded once; as many transcriptions at a time as there are cores."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._model: WhisperModel | None = None
        self._loading = threading.Lock()
        self.turns = anyio.CapacityLimiter(AT_ONCE)

    def load(self) -> WhisperModel:
        """The model; loading takes half a second."""
        with self._loading:
            if self._model is None:
                from faster_whisper import WhisperModel

                self._model = WhisperModel(
                    self._path,
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=1,
                    num_workers=AT_ONCE,
                )
            return self._model

    def transcribe(
        self, audio: BinaryIO, *, language: str | None, prompt: str | None, words: bool
    ) -> Heard:
        """Decode and transcribe a whole file.

        Raises:
            UnreadableAudio: it cannot be decoded.
        """
        import av
        from faster_whisper.audio import decode_audio

        model = self.load()
        try:
            samples = decode_audio(audio, sampling_rate=RATE)
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise UnreadableAudio from error
        duration = len(samples) / RATE
        if not len(samples):
            return Heard("", language or "en", 0.0, [], [])
        # The filter, or the prompt that keeps fillers would invent them in silence. Earlier
        # text is not carried on: one loop would feed the next.
        found, info = model.transcribe(
            samples,
            language=language,
            initial_prompt=prompt,
            beam_size=BEAM_SIZE,
            temperature=0.0,
            vad_filter=True,
            condition_on_previous_text=False,
            word_timestamps=words,
        )
        segments = list(found)  # lazy: this is where the work is done
        return Heard(
            text=" ".join(segment.text.strip() for segment in segments),
            language=LANGUAGE_NAMES.get(info.language, info.language),
            duration=round(duration, 3),
            segments=[_segment(number, segment) for number, segment in enumerate(segments)],
            words=[_word(word) for segment in segments for word in segment.words or []],
        )


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


def _word(word: Any) -> dict[str, Any]:
    return {
        "word": word.word.strip(PUNCTUATION),
        "start": round(word.start, 3),
        "end": round(word.end, 3),
    }
