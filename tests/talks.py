"""Talks for tests: audio with sound in it, and what a Whisper server would answer for it."""

from __future__ import annotations

import io
import random
from fractions import Fraction
from typing import Any

import av
import numpy as np

from pipeline.speech.transcript import Segment, Silence, Transcript, Word
from pipeline.speech.words import tokens_of

RATE = 16_000
LINES = (
    "Hello everyone, today I want to talk about my work in a small hospital.",
    "So, um, we had an old system, and it was very slow, and people were very unhappy.",
    "And then, um, we made a plan, you know, with stuff like dates and things like that.",
    "And then we tested it, and, uh, I think it was maybe too long, but it was very useful.",
    "And then, um, the team was very happy, and I think we learned a lot from each other.",
    "Although it was hard, I know now how to listen to people before I build something.",
)
SECONDS_PER_LINE = 8.0


def tone(seconds: float = 3.0, *, silent: bool = False, fmt: str = "wav") -> bytes:
    """A recording of a tone in bursts, which counts as sound for the silence meter."""
    at = np.arange(int(RATE * seconds)) / RATE
    wave = np.sin(2 * np.pi * 220 * at) * 9000 * (np.sin(2 * np.pi * 1.5 * at) > -0.8)
    samples = np.zeros_like(wave) if silent else wave
    return encode(samples.astype(np.int16), fmt=fmt)


def encode(samples: np.ndarray[Any, np.dtype[np.int16]], *, fmt: str = "wav") -> bytes:
    """Mono 16 kHz samples as a file."""
    codec = {"wav": "pcm_s16le", "ogg": "libopus", "webm": "libopus", "flac": "flac"}[fmt]
    held = io.BytesIO()
    with av.open(held, "w", format=fmt) as output:
        stream = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return held.getvalue()


def verbose_json(lines: tuple[str, ...] = LINES, **segment: Any) -> dict[str, Any]:
    """OpenAI's answer with segments and words for lines said one after the other."""
    segments, words = [], []
    for number, line in enumerate(lines):
        begin = number * SECONDS_PER_LINE
        spoken = line.split()
        step = (SECONDS_PER_LINE - 1) / len(spoken)
        segments.append(
            {
                "id": number,
                "seek": 0,
                "start": begin,
                "end": begin + SECONDS_PER_LINE - 1,
                "text": f" {line}",
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": -0.2,
                "compression_ratio": 1.4,
                "no_speech_prob": 0.01,
                **segment,
            }
        )
        words += [
            {
                "word": word.strip(",.?!"),
                "start": round(begin + i * step, 3),
                "end": round(begin + (i + 1) * step, 3),
            }
            for i, word in enumerate(spoken)
        ]
    return {
        "task": "transcribe",
        "language": "english",
        "duration": len(lines) * SECONDS_PER_LINE,
        "text": " ".join(lines),
        "segments": segments,
        "words": words,
    }


def claude_message(text: str, **changed: Any) -> dict[str, Any]:
    """Anthropic's answer of one text, with other fields where a test says so."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10},
        **changed,
    }


def long_talk(*, hours: float, seed: int = 1) -> Transcript:
    """A timed transcript of twelve-word sentences, about 150 words a minute, drawn from `LINES`."""
    words = [token.key for token in tokens_of(" ".join(LINES))]
    chance = random.Random(seed)  # noqa: S311 - the same talk each time, no secret
    segments, silences, clock = [], [], 0.0
    for index in range(int(hours * 750)):
        said, begin = [], clock
        for word in chance.choices(words, k=12):
            said.append(Word(word, clock, clock + 0.3))
            clock += 0.35
        line = " ".join(word.text for word in said).capitalize() + "."
        segments.append(Segment(index, line, begin, clock, False, tuple(said)))
        silences.append(Silence(clock, clock + 0.6))
        clock += 0.6
    return Transcript(tuple(segments), "en", clock, "test", tuple(silences))
