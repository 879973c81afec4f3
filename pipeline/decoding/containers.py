"""Opening and decoding a recording with FFmpeg: only inside the child."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.decoding.recording import RATE, Probe, Refusal

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

BLOCK_SAMPLES = RATE
"""A second: large enough that a block's cost in Python does not count."""
# No playlists, no references to other files: only containers that hold their own sound.
_OPEN_OPTIONS = {
    "format_whitelist": (
        "aac,aiff,amr,amrnb,amrwb,asf,au,avi,caf,flac,flv,matroska,webm,"
        "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,w64,wav"
    ),
    "protocol_whitelist": "file",
}


class Refused(Exception):
    """This is no recording that we take."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why)
        self.why = why


class Descriptor:
    """An open file with a position of its own: the parent's is left alone."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._position = 0
        self._size = os.fstat(number).st_size

    def read(self, size: int) -> bytes:
        """Up to so many bytes from the position."""
        found = os.pread(self._number, size, self._position)
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; the new position."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, begin + offset)
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position


def open_recording(source: int) -> InputContainer:
    """A container with a sound track.

    Raises:
        Refused: it is none.
    """
    import av

    if not os.fstat(source).st_size:
        raise Refused(Refusal.EMPTY)
    try:
        container = av.open(
            Descriptor(source), "r", options=_OPEN_OPTIONS, metadata_errors="replace"
        )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise Refused(Refusal.UNREADABLE) from error
    if not container.streams.audio:
        raise Refused(Refusal.NO_TRACK)
    return container


def probe(source: int, *, max_seconds: float) -> Probe:
    """Decode the beginning and measure the length.

    Raises:
        Refused: no sound, none that can be decoded, or too much.
    """
    with open_recording(source) as container:
        stream = speech_stream(container)
        if next(decoded_frames(container, stream), None) is None:
            raise Refused(Refusal.EMPTY)
        found = Probe(
            container=container.format.name,
            codec=stream.codec_context.name,
            duration=_declared_seconds(container, stream),
            channels=stream.codec_context.channels,
            has_video=bool(container.streams.video),
        )
        # Recorders that stream leave the length open, or write the greatest number there is.
        if not 0 < found.duration <= max_seconds:
            found = replace(found, duration=_packet_seconds(container, stream))
    if found.duration <= 0:
        raise Refused(Refusal.EMPTY)
    if found.duration > max_seconds:
        raise Refused(Refusal.TOO_LONG)
    return found


def speech_stream(container: InputContainer) -> AudioStream:
    """The track that FFmpeg would play.

    Raises:
        Refused: nothing decodes it.
    """
    best = container.streams.best("audio")
    for stream in container.streams.audio:
        # Without a decoder PyAV has no context, whatever its types say.
        decodable = getattr(stream, "codec_context", None) is not None
        if decodable and (best is None or stream.index == best.index):
            return stream
    raise Refused(Refusal.UNREADABLE)


def mono_frames(container: InputContainer) -> Iterator[AudioFrame]:
    """The track as mono 16 kHz signed 16 bit, in frames of up to `BLOCK_SAMPLES`.

    A recording that breaks off is taken as far as it goes: people lose connections.

    Raises:
        Refused: nothing could be decoded.
    """
    import av

    def resampler() -> AudioResampler:
        return av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=BLOCK_SAMPLES)

    current, kind = resampler(), None
    for frame in decoded_frames(container, speech_stream(container)):
        heard = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in {None, heard}:
            # A track that changes under way, as AAC's may.
            yield from current.resample(None)
            current = resampler()
        kind = heard
        yield from current.resample(frame)
    if kind is None:
        raise Refused(Refusal.EMPTY)
    yield from current.resample(None)


def decoded_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """All that can be decoded; what is damaged in between is left out, as players do.

    Raises:
        Refused: all of it is damaged.
    """
    import av

    heard, damaged = False, False
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            break
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damaged = True
            continue
        for frame in frames:
            heard = True
            yield frame
    if damaged and not heard:
        raise Refused(Refusal.UNREADABLE)


def _declared_seconds(container: InputContainer, stream: AudioStream) -> float:
    """What the file says; 0 where it says nothing."""
    import av

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def _packet_seconds(container: InputContainer, stream: AudioStream) -> float:
    """Where the last packet ends, by the packets' own clock."""
    import av

    end = 0.0
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.FFmpegError:
        # Broken off: what came until here counts.
        return end
    return end
