"""Real recordings for tests: speech in every container that a browser or a phone makes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "sample.ogg"
HELLO = ROOT / "tests" / "audio" / "hello.ogg"

Samples: TypeAlias = NDArray[np.int16]


@dataclass(frozen=True)
class Encoding:
    """One way to keep sound in a file."""

    name: str
    container: str
    """FFmpeg's name of the muxer."""
    codec: str
    rate: int = 48_000
    channels: int = 1
    content_type: str = ""
    """What we should take it for."""
    picture: str | None = None
    """The codec of a video track beside."""


LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 6: "5.1"}
ENCODINGS = (
    Encoding("webm opus", "webm", "libopus", content_type="audio/webm"),
    Encoding("webm opus stereo", "webm", "libopus", channels=2, content_type="audio/webm"),
    Encoding("webm with video", "webm", "libopus", content_type="video/webm", picture="libvpx"),
    Encoding("ogg opus", "ogg", "libopus", content_type="audio/ogg"),
    Encoding("ogg flac", "ogg", "flac", 44_100, content_type="audio/ogg"),
    Encoding("mp3", "mp3", "libmp3lame", 44_100, 2, content_type="audio/mpeg"),
    Encoding("mp3 low", "mp3", "libmp3lame", 22_050, content_type="audio/mpeg"),
    Encoding("m4a aac", "ipod", "aac", 44_100, 2, content_type="audio/mp4"),
    Encoding("m4a alac", "ipod", "alac", 44_100, 2, content_type="audio/mp4"),
    Encoding("mp4 with video", "mp4", "aac", content_type="video/mp4", picture="libx264"),
    Encoding("mov with video", "mov", "pcm_s16le", content_type="video/mp4", picture="mpeg4"),
    Encoding("adts aac", "adts", "aac", 44_100, content_type="audio/aac"),
    Encoding("flac", "flac", "flac", 48_000, 2, content_type="audio/flac"),
    Encoding("flac 96 kHz", "flac", "flac", 96_000, content_type="audio/flac"),
    Encoding("wav 8 bit", "wav", "pcm_u8", 8_000, content_type="audio/wav"),
    Encoding("wav 16 bit", "wav", "pcm_s16le", 44_100, 2, content_type="audio/wav"),
    Encoding("wav 24 bit", "wav", "pcm_s24le", 96_000, 2, content_type="audio/wav"),
    Encoding("wav float", "wav", "pcm_f32le", 48_000, content_type="audio/wav"),
    Encoding("wav 6 channels", "wav", "pcm_s16le", 48_000, 6, content_type="audio/wav"),
    Encoding("wav 3 channels", "wav", "pcm_s16le", 32_000, 3, content_type="audio/wav"),
    Encoding("aiff", "aiff", "pcm_s16be", 44_100, content_type="audio/aiff"),
    Encoding("amr", "amr", "libopencore_amrnb", 8_000, content_type="audio/amr"),
    Encoding("3gp aac", "3gp", "aac", 16_000, content_type="audio/mp4"),
    Encoding("3gp amr", "3gp", "libopencore_amrnb", 8_000, content_type="audio/mp4"),
    Encoding("mkv mp3", "matroska", "libmp3lame", 44_100, content_type="audio/webm"),
    Encoding("mpeg ts", "mpegts", "mp2", 44_100, 2, content_type="audio/mp2t"),
)
BY_NAME = {encoding.name: encoding for encoding in ENCODINGS}


@cache
def speech(path: Path = HELLO) -> Samples:
    """A recording as mono 16 kHz samples."""
    return decoded(path)


def decoded(source: Path | bytes) -> Samples:
    """Any file as mono 16 kHz samples."""
    held: Any = str(source) if isinstance(source, Path) else io.BytesIO(source)
    with av.open(held) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [*container.decode(audio=0), None]
        return np.concatenate(
            [f.to_ndarray()[0] for frame in frames for f in resampler.resample(frame)]
        )


def encoded(how: Encoding | str, samples: Samples | None = None) -> bytes:
    """Mono 16 kHz samples, the short talk unless told otherwise, as a file."""
    encoding = BY_NAME[how] if isinstance(how, str) else how
    held = io.BytesIO()
    with av.open(held, "w", format=encoding.container) as output:
        sound = output.add_stream(
            encoding.codec, rate=encoding.rate, layout=LAYOUTS[encoding.channels]
        )
        assert isinstance(sound, av.AudioStream)
        if encoding.picture:
            _film(output, encoding.picture)
        resampler = av.AudioResampler(
            format=sound.format.name, layout=LAYOUTS[encoding.channels], rate=encoding.rate
        )
        for frame in [*_frames(speech() if samples is None else samples), None]:
            for resampled in resampler.resample(frame):
                output.mux(sound.encode(resampled))
        output.mux(sound.encode(None))
    return held.getvalue()


def _frames(samples: Samples) -> Iterator[av.AudioFrame]:
    """A second at a time: encoders do not take an hour at once."""
    for begin in range(0, len(samples), RATE):
        piece = np.ascontiguousarray(samples[None, begin : begin + RATE])
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), begin
        yield frame


def _film(output: Any, codec: str) -> None:
    """A second of a grey picture in front of the sound."""
    film = output.add_stream(codec, rate=10)
    film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, dtype=np.uint8), format="yuv420p")
        frame.pts = number
        output.mux(film.encode(frame))
    output.mux(film.encode(None))


def envelope(samples: Samples) -> NDArray[np.float64]:
    """Loudness by hundredths of a second: the shape of what is said."""
    size = RATE // 100
    whole = samples[: len(samples) - len(samples) % size].reshape(-1, size).astype(np.float64)
    return np.asarray(np.sqrt((whole**2).mean(axis=1)))


def likeness(one: Samples, other: Samples) -> float:
    """Correlation of two envelopes at their best shift of up to a tenth of a second."""
    first, second = envelope(one), envelope(other)
    found = []
    for shift in range(-10, 11):
        a, b = first[max(0, shift) :], second[max(0, -shift) :]
        size = min(len(a), len(b))
        found.append(float(np.corrcoef(a[:size], b[:size])[0, 1]))
    return max(found)
