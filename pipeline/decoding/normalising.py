"""One pass over a recording, inside the child: levelled compact speech, and its silence."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.decoding.containers import BLOCK_SAMPLES, Refused, mono_frames, open_recording
from pipeline.decoding.levels import (
    FRAME,
    Floats,
    Leveller,
    Samples,
    frame_levels,
    lulls_in,
    silences_in,
)
from pipeline.decoding.recording import BIT_RATE, RATE, Measured, Refusal

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import OutputContainer

OPUS = {"application": "voip", "compression_level": "1"}
"""Complexity 1 of 10 takes a third of the time of 10, and the speech model hears the sample talk
as well at 0, 1, 2, 5 and 10 (samples/README.md)."""
EXACT = {"fflags": "+bitexact"}
"""The same samples give the same bytes: the stream's number is not drawn by lot."""


def normalise(source: int, target: int, *, max_seconds: float) -> Measured:
    """Write mono 16 kHz Opus to `target` and measure the silence, in one pass.

    Raises:
        Refused: no sound, none that can be decoded, or too much.
    """
    levels: list[Floats] = []
    samples = 0
    leveller = Leveller()
    with open_recording(source) as container, SpeechWriter(target) as speech:
        for block in blocks_of(frame.to_ndarray()[0] for frame in mono_frames(container)):
            samples += len(block)
            if samples > max_seconds * RATE:
                raise Refused(Refusal.TOO_LONG)
            levels.append(frame_levels(block))
            speech.write(leveller.take(_whole(block), levels[-1]))
        speech.write(leveller.finish())
    if not samples:
        raise Refused(Refusal.EMPTY)
    duration = samples / RATE
    heard = np.concatenate(levels)
    return Measured(duration, silences_in(heard, duration), lulls_in(heard))


def blocks_of(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """The same samples in blocks of one second; the last one is shorter."""
    held: list[Samples] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK_SAMPLES:
            joined = np.concatenate(held)
            whole = size - size % BLOCK_SAMPLES
            yield from joined[:whole].reshape(-1, BLOCK_SAMPLES)
            held, size = [joined[whole:]], size - whole
    if size:
        yield np.concatenate(held)


def _whole(block: Samples) -> Samples:
    """The block filled up with silence to whole frames."""
    return np.pad(block, (0, -len(block) % FRAME))


class SpeechWriter:
    """Opus in Ogg, written to a descriptor as it is made."""

    def __init__(self, target: int) -> None:
        import av

        self._file = io.FileIO(target, "w", closefd=False)
        self._output: OutputContainer = av.open(self._file, "w", format="ogg", options=EXACT)
        self._encoder = self._output.add_stream(
            "libopus", rate=RATE, layout="mono", bit_rate=BIT_RATE, options=OPUS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.mux(self._encoder.encode(None))
        self._output.close()

    def write(self, blocks: list[Samples]) -> None:
        """Encode levelled blocks."""
        for block in blocks:
            self._output.mux(self._encoder.encode(_frame(block)))


def _frame(block: Samples) -> AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(block[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.time_base = Fraction(1, RATE)
    return frame
