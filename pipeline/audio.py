"""Recordings as files: what is in them, and one pass that levels them and measures silence.

Decoding is the judge: what PyAV cannot decode is not audio, whatever its name says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pipeline.errors import AudioTooLong, EmptyAudio, UnsupportedAudio
from pipeline.speech.transcript import Silence

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

RATE = 16_000
"""Hz; what speech models hear."""
BIT_RATE = 24_000
"""Two hours stay below the 25 MB that the provider takes in one call."""
FRAME_SECONDS = 0.02
SILENCE_FLOOR_DB = -60.0
"""Quieter than this is silence whatever the rest is like (dB of full scale)."""
BELOW_SPEECH_DB = 28.0
"""So far below the recording's own speech level counts as silence (house value)."""
SPEECH_PERCENTILE = 95.0
"""The speech level is the loudness that 95 % of the frames stay below."""
SHORTEST_SILENCE_SECONDS = 0.25
"""Shorter gaps belong to articulation (Campione & Véronis 2002)."""
# No playlists, no references to other files: only containers that hold their own sound.
_OPEN_OPTIONS = {
    "format_whitelist": (
        "aac,aiff,amr,amrnb,amrwb,asf,au,avi,caf,flac,flv,matroska,webm,"
        "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,w64,wav"
    ),
    "protocol_whitelist": "file",
}
CONTENT_TYPE = "audio/ogg"
FILE_NAME = "speech.ogg"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a recording is, found by decoding it."""

    container: str
    codec: str
    content_type: str
    duration: float
    """Seconds."""
    channels: int


@dataclass(frozen=True, slots=True)
class Normalised:
    """A recording as the transcriber gets it: mono 16 kHz Opus in Ogg."""

    path: Path
    duration: float
    """Seconds of decoded audio."""
    silences: tuple[Silence, ...]

    @property
    def is_silent(self) -> bool:
        """Whether silence was measured from beginning to end."""
        silent = sum(silence.seconds for silence in self.silences)
        return self.duration - silent < SHORTEST_SILENCE_SECONDS


def probe(audio: BinaryIO | Path, *, max_seconds: float) -> Probe:
    """Decode the beginning and measure the length; leaves a file object at its beginning.

    Raises:
        EmptyAudio: no bytes, or no sound of any length.
        UnsupportedAudio: not audio that we can decode.
        AudioTooLong: longer than `max_seconds`.
    """
    with closing(_open(audio)) as container:
        stream = _speech_stream(container)
        found = Probe(
            container=container.format.name,
            codec=stream.codec_context.name,
            content_type=_content_type(container),
            duration=_duration(container),
            channels=stream.codec_context.channels,
        )
    if not isinstance(audio, Path):
        audio.seek(0)
    if found.duration <= 0:
        raise EmptyAudio
    if found.duration > max_seconds:
        raise AudioTooLong(f"The recording is longer than {max_seconds / 60:.0f} minutes.")
    return found


def normalise(source: Path, target: Path, *, max_seconds: float) -> Normalised:
    """Write the recording as compact mono speech and measure its silence, in one pass.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong: as `probe`.
    """
    import av

    levels: list[NDArray[np.float32]] = []
    samples = 0
    with closing(_open(source)) as container, av.open(str(target), "w", format="ogg") as output:
        encoder = output.add_stream("libopus", rate=RATE, layout="mono", bit_rate=BIT_RATE)
        meter = _LevelMeter()
        for frame in _mono_frames(container):
            samples += frame.samples
            if samples > max_seconds * RATE:
                raise AudioTooLong(f"The recording is longer than {max_seconds / 60:.0f} minutes.")
            levels.append(meter.levels(frame.to_ndarray()[0]))
            output.mux(encoder.encode(frame))
        output.mux(encoder.encode(None))
    if not samples:
        raise EmptyAudio
    duration = samples / RATE
    return Normalised(target, duration, _silences(np.concatenate(levels), duration))


def _open(audio: BinaryIO | Path) -> InputContainer:
    import av

    if not isinstance(audio, Path) and not audio.read(1):
        raise EmptyAudio
    if isinstance(audio, Path) and audio.stat().st_size == 0:
        raise EmptyAudio
    if not isinstance(audio, Path):
        audio.seek(0)
    try:
        source = str(audio) if isinstance(audio, Path) else audio
        return av.open(source, "r", options=_OPEN_OPTIONS, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnsupportedAudio from error


def _speech_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise UnsupportedAudio("The file has no audio track.")
    return container.streams.audio[0]


def _mono_frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Decoded frames, mono 16 kHz signed 16 bit.

    A recording that breaks off is taken as far as it goes: people lose connections.
    """
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    _speech_stream(container)
    heard = False
    try:
        for frame in container.decode(audio=0):
            for resampled in _resampled(resampler, frame):
                heard = True
                yield resampled
    except (av.FFmpegError, ValueError) as error:
        if not heard:
            raise UnsupportedAudio from error
    yield from _resampled(resampler, None)


def _resampled(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[AudioFrame]:
    for resampled in resampler.resample(frame):
        # The encoder counts for itself: gaps in the source's clock are not ours to keep.
        resampled.pts = None
        yield resampled


def _duration(container: InputContainer) -> float:
    """Seconds, by what was really decoded in the first frame and by the packets' own clock."""
    import av

    stream = _speech_stream(container)
    end = 0.0
    try:
        next(container.decode(stream))
    except (StopIteration, av.FFmpegError, ValueError) as error:
        raise UnsupportedAudio from error
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.FFmpegError:
        # Broken off: what came until here counts.
        return end
    return end


def _content_type(container: InputContainer) -> str:
    """A MIME type for what the file is, by its container and whether it carries video."""
    kind = "video" if container.streams.video else "audio"
    names = container.format.name.split(",")
    known = {
        "matroska": "webm",
        "mov": "mp4",
        "mp3": "mpeg",
        "wav": "wav",
        "flac": "flac",
        "ogg": "ogg",
        "aac": "aac",
        "amr": "amr",
        "aiff": "aiff",
    }
    subtype = next((known[name] for name in names if name in known), None)
    return f"{kind}/{subtype}" if subtype else "application/octet-stream"


class _LevelMeter:
    """Turns samples into one loudness a frame, over the seams of what it is given."""

    _size = int(RATE * FRAME_SECONDS)

    def __init__(self) -> None:
        self._rest: NDArray[np.int16] = np.empty(0, dtype=np.int16)

    def levels(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Loudness in dB of full scale for each whole frame of 20 ms so far."""
        joined = np.concatenate([self._rest, samples])
        whole = len(joined) - len(joined) % self._size
        self._rest = joined[whole:]
        frames = joined[:whole].reshape(-1, self._size).astype(np.float32) / 32768
        power = np.mean(frames**2, axis=1)
        return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), dtype=np.float32)


def _silences(levels: NDArray[np.float32], duration: float) -> tuple[Silence, ...]:
    """Stretches of at least `SHORTEST_SILENCE_SECONDS` below the recording's own threshold."""
    if not len(levels):
        return (Silence(0.0, duration),)
    speech = float(np.percentile(levels, SPEECH_PERCENTILE))
    quiet = levels < max(SILENCE_FLOOR_DB, speech - BELOW_SPEECH_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    found = []
    for first, last in edges.reshape(-1, 2):
        end = duration if last == len(levels) else float(last) * FRAME_SECONDS
        silence = Silence(round(float(first) * FRAME_SECONDS, 3), round(end, 3))
        if silence.seconds >= SHORTEST_SILENCE_SECONDS:
            found.append(silence)
    return tuple(found)
