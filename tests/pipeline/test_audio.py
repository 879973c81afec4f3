"""Recordings as people really make them: probed by decoding, levelled, silence measured."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from pipeline import audio
from pipeline.errors import AudioTooLong, EmptyAudio, UnsupportedAudio
from tests.talks import RATE, encode, tone

LIMIT = 7200.0


@pytest.mark.parametrize(
    ("fmt", "content_type"),
    [
        ("wav", "audio/wav"),
        ("ogg", "audio/ogg"),
        ("webm", "audio/webm"),
        ("flac", "audio/flac"),
    ],
)
def test_a_recording_is_known_by_its_bytes(fmt: str, content_type: str) -> None:
    held = io.BytesIO(tone(3, fmt=fmt))

    found = audio.probe(held, max_seconds=LIMIT)

    assert found.content_type == content_type
    assert found.duration == pytest.approx(3.0, abs=0.05)
    assert held.tell() == 0, "the file can be stored from its beginning"


@pytest.mark.parametrize(
    "content",
    [
        b"hello, this is text" * 100,
        b"PK\x03\x04" + b"\0" * 500,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
        b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        tone()[:40],
    ],
    ids=["text", "zip", "image", "playlist", "concat list", "truncated header"],
)
def test_what_holds_no_sound_is_unsupported(content: bytes) -> None:
    with pytest.raises(UnsupportedAudio):
        audio.probe(io.BytesIO(content), max_seconds=LIMIT)


def test_no_bytes_are_empty_audio() -> None:
    with pytest.raises(EmptyAudio):
        audio.probe(io.BytesIO(b""), max_seconds=LIMIT)


def test_a_recording_above_the_limit_is_too_long() -> None:
    with pytest.raises(AudioTooLong, match="1 minutes"):
        audio.probe(io.BytesIO(tone(61, fmt="ogg")), max_seconds=60)


def normalised(samples: np.ndarray, tmp_path: Path) -> audio.Normalised:
    source = tmp_path / "in.wav"
    source.write_bytes(encode(samples.astype(np.int16)))
    return audio.normalise(source, tmp_path / "out.ogg", max_seconds=LIMIT)


def noise(seconds: float, loudness: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, loudness, int(RATE * seconds)).clip(-3e4, 3e4)


def test_a_pause_is_measured_to_within_a_twentieth_of_a_second(tmp_path: Path) -> None:
    talk = np.concatenate([noise(2, 4000), noise(2.1, 20), noise(2, 4000)])

    made = normalised(talk, tmp_path)

    (silence,) = made.silences
    assert silence.start == pytest.approx(2.0, abs=0.05)
    assert silence.end == pytest.approx(4.1, abs=0.05)
    assert made.duration == pytest.approx(6.1, abs=0.01)


def test_a_gap_shorter_than_a_quarter_second_is_articulation(tmp_path: Path) -> None:
    talk = np.concatenate([noise(1, 4000), noise(0.2, 10), noise(1, 4000)])

    assert normalised(talk, tmp_path).silences == ()


def test_silence_throughout_is_known(tmp_path: Path) -> None:
    assert normalised(np.zeros(RATE * 3), tmp_path).is_silent
    assert not normalised(noise(3, 4000), tmp_path).is_silent


def test_two_hours_stay_below_what_the_provider_takes_in_one_call(tmp_path: Path) -> None:
    made = normalised(noise(60, 4000), tmp_path)

    assert made.path.stat().st_size * 120 < 25 * 1024 * 1024


def test_a_recording_that_breaks_off_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    source = tmp_path / "cut.ogg"
    source.write_bytes(tone(6, fmt="ogg")[:-6_000])

    made = audio.normalise(source, tmp_path / "out.ogg", max_seconds=LIMIT)

    assert 1 < made.duration < 6
