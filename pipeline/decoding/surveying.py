"""A look at a recording before it is sent, inside the child: what it is, and how silent."""

from __future__ import annotations

import numpy as np

from pipeline.decoding.containers import mono_frames, open_recording, probe
from pipeline.decoding.levels import frame_levels, silences_in
from pipeline.decoding.normalising import blocks_of
from pipeline.decoding.recording import RATE, Survey


def survey(source: int, *, max_seconds: float, decoded_seconds: float) -> Survey:
    """Probe it, and measure its silence where it is no longer than `decoded_seconds`.

    Raises:
        Refused: no sound, none that can be decoded, or too much.
    """
    found = probe(source, max_seconds=max_seconds)
    if found.duration > decoded_seconds:
        return Survey(found, None)
    return Survey(found, _silence_share(source, decoded_seconds))


def _silence_share(source: int, decoded_seconds: float) -> float | None:
    """None: it goes on longer than it says."""
    levels, samples = [], 0
    with open_recording(source) as container:
        for block in blocks_of(frame.to_ndarray()[0] for frame in mono_frames(container)):
            samples += len(block)
            if samples > 2 * decoded_seconds * RATE:
                return None
            levels.append(frame_levels(block))
    if not samples:
        return None
    duration = samples / RATE
    silent = sum(found.seconds for found in silences_in(np.concatenate(levels), duration))
    return min(1.0, silent / duration)
