"""Cutting normalised speech into parts, inside the child: packets are copied, nothing is coded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pipeline.decoding.containers import open_recording, speech_stream
from pipeline.decoding.normalising import EXACT
from pipeline.decoding.recording import Cut

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer


def cut(source: int, *, spans: Sequence[tuple[float, float]], targets: Sequence[int]) -> Cut:
    """Write each span, in seconds and in order, to its target.

    Raises:
        Refused: the source is not what we wrote.
    """
    import av

    counts = [0] * len(spans)
    with open_recording(source) as container, ExitStack() as open_parts:
        stream = speech_stream(container)
        parts: list[tuple[OutputContainer, AudioStream]] = []
        for target in targets:
            held = io.FileIO(target, "w", closefd=False)
            output = open_parts.enter_context(av.open(held, "w", format="ogg", options=EXACT))
            parts.append((output, output.add_stream_from_template(stream)))
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            for number, (start, end) in enumerate(spans):
                if start <= at < end:
                    output, copy = parts[number]
                    shift = round(start / packet.time_base)
                    packet.stream = copy
                    packet.pts, packet.dts = packet.pts - shift, packet.pts - shift
                    output.mux(packet)
                    counts[number] += 1
                    break
    return Cut(tuple(counts))
