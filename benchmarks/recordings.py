"""Long recordings made of the sample talk, said again and again."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from tests.recordings import RATE, SAMPLE, encoded, speech


def long_recording(encoding: str, seconds: float, target: Path) -> Path:
    """In one of the encodings of `tests/recordings.py`, a whole number of talks long."""
    talk = speech(SAMPLE)
    turns = max(1, round(seconds * RATE / len(talk)))
    target.write_bytes(encoded(encoding, np.tile(talk, turns)))
    return target


def wav_of_size(megabytes: float, target: Path) -> Path:
    """Mono 16-bit PCM at 48 kHz, of just this size."""
    samples = speech(SAMPLE).repeat(3).tobytes()
    left = int(megabytes * 1024 * 1024)
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", "not compressed"))
        while left > 0:
            piece = samples[: left - left % 2]
            file.writeframesraw(piece)
            left -= max(len(piece), 2)
    return target
