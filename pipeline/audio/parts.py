"""Where to cut a long recording, so that its parts can be transcribed side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.decoding.recording import Lull, Normalised
from pipeline.speech.transcript import Silence

MOST_BYTES = 25 * 1000 * 1000
"""What OpenAI takes in one call."""
BYTES_SHARE = 0.9
"""Of that: the bit rate varies over a recording."""
SHORTEST_PART_SECONDS = 240.0
"""More parts than needed are made for the sake of speed, but none shorter (house value): each
seam costs the engine its context."""
ROOMY_SHARE = 0.8
"""Of the longest part: the rest is room for the cuts to move to a silence (house value)."""
GOOD_SILENCE_SECONDS = 1.0
"""Longer silences are no better places to cut (house value)."""
PACKET_SECONDS = 0.02
"""Opus is cut between packets."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording that is transcribed by itself."""

    number: int
    """From 0."""
    start: float
    end: float
    """Seconds in the recording."""
    follows_speech: bool
    """It begins in the middle of speech, where no silence was within reach."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def plan(speech: Normalised, *, chunk_seconds: float, side_by_side: int) -> tuple[Part, ...]:
    """The parts of a normalised recording, none longer than a chunk or the provider's limit."""
    seconds_in_limit = BYTES_SHARE * MOST_BYTES * speech.duration / speech.path.stat().st_size
    return parts_of(
        speech.duration,
        speech.silences,
        speech.lulls,
        longest=min(chunk_seconds, seconds_in_limit),
        side_by_side=side_by_side,
    )


def parts_of(
    duration: float,
    silences: Sequence[Silence],
    lulls: Sequence[Lull] = (),
    *,
    longest: float,
    side_by_side: int = 1,
) -> tuple[Part, ...]:
    """Parts of about one length that cover the whole, cut in silence where there is any.

    Near each place that would make them equal the longest silence is taken, else the quietest
    moment known. No part is longer than `longest`.
    """
    number = _how_many(duration, longest, side_by_side)
    length = duration / number
    # So far may each cut move: parts stay in order, and none becomes too long.
    reach = min((longest - length) / 2, length / 4)
    cuts = [_cut_near(place * length, reach, silences, lulls) for place in range(1, number)]
    edges = [(0.0, False), *cuts, (duration, False)]
    return tuple(
        Part(position, start, end, follows_speech=in_speech)
        for position, ((start, in_speech), (end, _)) in enumerate(pairwise(edges))
    )


def _how_many(duration: float, longest: float, side_by_side: int) -> int:
    """As few as fit, and then so many that those who work side by side all have some."""
    if duration <= longest:
        return 1
    needed = math.ceil(duration / (ROOMY_SHARE * longest))
    full_rounds = math.ceil(needed / side_by_side) * side_by_side
    affordable = math.floor(duration / min(SHORTEST_PART_SECONDS, longest / 2))
    return max(needed, min(full_rounds, affordable))


def _cut_near(
    place: float, reach: float, silences: Sequence[Silence], lulls: Sequence[Lull]
) -> tuple[float, bool]:
    """Seconds, and whether somebody may be speaking there."""
    low, high = place - reach, place + reach

    within = [Silence(max(s.start, low), min(s.end, high)) for s in silences]

    def worth(silence: Silence) -> tuple[float, float]:
        return min(silence.seconds, GOOD_SILENCE_SECONDS), -abs(_middle(silence) - place)

    near = [silence for silence in within if silence.seconds > 0]
    if near:
        return _between_packets(_middle(max(near, key=worth))), False
    quiet = [lull for lull in lulls if low <= lull.at <= high]
    at = min(quiet, key=lambda lull: lull.level).at if quiet else place
    return _between_packets(at), True


def _middle(silence: Silence) -> float:
    return (silence.start + silence.end) / 2


def _between_packets(seconds: float) -> float:
    return round(round(seconds / PACKET_SECONDS) * PACKET_SECONDS, 2)
