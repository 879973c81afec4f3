"""How loud a recording is, frame by frame: its silences, its lulls, and the gain that levels it.

Silence is measured on the samples as they came; only the copy for the transcriber is levelled.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.recording import RATE, SHORTEST_SILENCE_SECONDS, Lull
from pipeline.speech.transcript import Silence

FRAME = RATE // 50
FRAME_SECONDS = 0.02
SILENCE_FLOOR_DB = -60.0
"""Quieter than this is silence whatever the rest is like (dB of full scale)."""
BELOW_SPEECH_DB = 28.0
"""So far below the recording's own speech level counts as silence (house value)."""
SPEECH_SHARE = 0.95
"""The speech level is the loudness that this share of the frames stays below (house value)."""
LULL_FRAMES = 5
"""A tenth of a second: about the gap between two words."""
LULL_EVERY_FRAMES = 250
"""One lull is kept for every five seconds."""

TARGET_DB = -23.0
"""Of full scale; the programme loudness of EBU R 128."""
RELATIVE_GATE_DB = -10.0
"""Frames so far below the mean do not count as programme (ITU-R BS.1770-4)."""
MOST_GAIN_DB = 30.0
LEAST_GAIN_DB = -20.0
"""Beyond these only noise would be moved (house values)."""
GAIN_STEP_DB = 1.0
"""By a block of one second: slower than anyone speaks up (house value)."""
CEILING = 0.708
"""The limiter's peak: -3 dB of full scale, since lossy coding overshoots (EBU Tech 3344)."""
LISTEN_BLOCKS = 30
"""The gain begins with what these first seconds are like, so short talks get one gain."""

Samples: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.floating[Any]]


def frame_levels(block: Samples) -> Floats:
    """Decibels of full scale of each whole frame of 20 ms."""
    frames = _framed(block)
    power = np.mean(frames * frames, axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), dtype=np.float32)


def _framed(block: Samples) -> NDArray[np.float32]:
    """The block's whole frames, one a row, between -1 and 1."""
    whole = len(block) - len(block) % FRAME
    return block[:whole].reshape(-1, FRAME).astype(np.float32) / np.float32(32768)


def silences_in(levels: Floats, duration: float) -> tuple[Silence, ...]:
    """Stretches of at least `SHORTEST_SILENCE_SECONDS` below the recording's own threshold."""
    if not len(levels):
        return (Silence(0.0, duration),)
    speech = float(np.sort(levels)[int(SPEECH_SHARE * (len(levels) - 1))])
    quiet = levels < max(SILENCE_FLOOR_DB, speech - BELOW_SPEECH_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    found = []
    for first, last in edges.reshape(-1, 2):
        end = duration if last == len(levels) else float(last) * FRAME_SECONDS
        silence = Silence(round(float(first) * FRAME_SECONDS, 3), round(end, 3))
        if silence.seconds >= SHORTEST_SILENCE_SECONDS:
            found.append(silence)
    return tuple(found)


def lulls_in(levels: Floats) -> tuple[Lull, ...]:
    """The middle of the quietest tenth of each five seconds."""
    if len(levels) < LULL_FRAMES:
        return ()
    smooth = np.convolve(levels, np.full(LULL_FRAMES, 1 / LULL_FRAMES), mode="valid")
    found = []
    for begin in range(0, len(smooth), LULL_EVERY_FRAMES):
        at = begin + int(np.argmin(smooth[begin : begin + LULL_EVERY_FRAMES]))
        seconds = (at + LULL_FRAMES / 2) * FRAME_SECONDS
        found.append(Lull(round(seconds, 3), round(float(smooth[at]), 1)))
    return tuple(found)


class Loudness:
    """The gated mean power of all frames so far.

    As ITU-R BS.1770-4 gates, on frames of 20 ms and without its K-weighting: an absolute gate,
    then one relative to the mean of what passed the first.
    """

    _bins = 100

    def __init__(self) -> None:
        self._count = np.zeros(self._bins)
        self._power = np.zeros(self._bins)

    def add(self, levels: Floats) -> None:
        """Take frames into account; they are kept as a histogram of one decibel a bin."""
        place = np.clip(levels + self._bins, 0, self._bins - 1).astype(int)
        self._count += np.bincount(place, minlength=self._bins)
        self._power += np.bincount(place, weights=10 ** (levels / 10), minlength=self._bins)

    def decibels(self) -> float | None:
        """None while nothing was loud enough to count."""
        first = self._above(SILENCE_FLOOR_DB)
        return None if first is None else self._above(first + RELATIVE_GATE_DB)

    def _above(self, gate: float) -> float | None:
        begin = max(0, int(np.floor(gate + self._bins)))
        count = self._count[begin:].sum()
        return float(10 * np.log10(self._power[begin:].sum() / count)) if count else None


class Leveller:
    """Brings speech to `TARGET_DB` by one gain that follows slowly, under a peak limiter.

    It listens to the first `LISTEN_BLOCKS` before it gives anything back. The limiter lowers
    a frame of 20 ms whose peak would pass the ceiling, and glides there from its neighbours.
    """

    def __init__(self) -> None:
        self._loudness = Loudness()
        self._waiting: list[Samples] = []
        self._gain_db: float | None = None
        self._held: tuple[NDArray[np.float32], Floats] | None = None
        """The last block's frames and their gains: its end glides into the next one."""
        self._before: float | None = None
        """The gain of the frame before the held block."""

    def take(self, block: Samples, levels: Floats) -> list[Samples]:
        """Hear one block of whole frames; what of the earlier ones is ready."""
        self._loudness.add(levels)
        self._waiting.append(block)
        if self._gain_db is None and len(self._waiting) < LISTEN_BLOCKS:
            return []
        return self._ready()

    def finish(self) -> list[Samples]:
        """Everything that is still held."""
        ready = self._ready()
        if self._held is not None:
            ready.append(self._glide(after=None))
        return ready

    def _ready(self) -> list[Samples]:
        ready = []
        for block in self._waiting:
            frames = _framed(block)
            gains = self._limited(frames, self._step(len(frames)))
            if not len(gains):
                continue
            if self._held is not None:
                ready.append(self._glide(after=float(gains[0])))
            self._held = (frames, gains)
        self._waiting = []
        return ready

    def _step(self, frames: int) -> Floats:
        """The gains of a block: from where the last one ended towards the target."""
        heard = self._loudness.decibels()
        wanted = (
            0.0 if heard is None else float(np.clip(TARGET_DB - heard, LEAST_GAIN_DB, MOST_GAIN_DB))
        )
        last = wanted if self._gain_db is None else self._gain_db
        self._gain_db = last + float(np.clip(wanted - last, -GAIN_STEP_DB, GAIN_STEP_DB))
        return np.asarray(10 ** (np.linspace(last, self._gain_db, frames) / 20))

    def _limited(self, frames: NDArray[np.float32], gains: Floats) -> Floats:
        peaks = np.abs(frames).max(axis=1) if len(frames) else np.zeros(0)
        return np.minimum(gains, CEILING / np.maximum(peaks, 1e-6))

    def _glide(self, *, after: float | None) -> Samples:
        """The held block, levelled: no frame is louder than its own gain or its neighbour's."""
        assert self._held is not None  # noqa: S101 - callers look first
        frames, gains = self._held
        first = gains[0] if self._before is None else self._before
        last = gains[-1] if after is None else after
        row = np.concatenate([[first], gains, [last]])
        edges = np.minimum(row[:-1], row[1:])
        ramp = np.linspace(0, 1, FRAME, endpoint=False)
        curve = edges[:-1, None] + (edges[1:] - edges[:-1])[:, None] * ramp
        self._before, self._held = float(gains[-1]), None
        return np.asarray(np.rint(frames * curve * 32768), dtype=np.int16).reshape(-1)
