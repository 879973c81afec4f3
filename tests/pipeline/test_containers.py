"""Speech in every container that people send comes out as the same speech."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from pipeline import audio
from pipeline.errors import EmptyAudio, RostrumError, UnsupportedAudio
from tests.recordings import BY_NAME, ENCODINGS, Encoding, decoded, encoded, likeness, speech

LIMIT = 7200.0
SECONDS = len(speech()) / 16_000


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_speech_is_known_and_normalised_from(encoding: Encoding, tmp_path: Path) -> None:
    source = tmp_path / "talk.exe"
    source.write_bytes(encoded(encoding))

    with source.open("rb") as held:
        found = audio.probe(held, max_seconds=LIMIT)
    made = audio.normalise(source, tmp_path / "speech.ogg", max_seconds=LIMIT)

    assert found.content_type == encoding.content_type
    assert found.channels == encoding.channels
    assert found.duration == pytest.approx(SECONDS, abs=0.2)
    assert made.duration == pytest.approx(SECONDS, abs=0.2)
    assert likeness(decoded(made.path), speech()) > 0.95


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_a_recording_cut_in_the_middle_is_taken_as_far_as_it_goes_or_refused(
    encoding: Encoding, tmp_path: Path
) -> None:
    whole = encoded(encoding)
    source = tmp_path / "cut"
    source.write_bytes(whole[: len(whole) * 2 // 3])

    try:
        made = audio.normalise(source, tmp_path / "speech.ogg", max_seconds=LIMIT)
    except UnsupportedAudio:
        # Their index stands at the end: nothing says where the sound begins.
        assert encoding.container in {"ipod", "mp4", "mov", "3gp"}
    else:
        assert SECONDS / 3 < made.duration < SECONDS
        heard = decoded(made.path)
        assert likeness(heard, speech()[: len(heard)]) > 0.95


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_a_header_alone_has_a_code_and_is_no_recording(encoding: Encoding) -> None:
    size = {"amr": 6}.get(encoding.container, 24)

    with pytest.raises(RostrumError) as refused:
        audio.probe(io.BytesIO(encoded(encoding)[:size]), max_seconds=LIMIT)

    assert refused.value.code in {"UNSUPPORTED_AUDIO", "EMPTY_AUDIO"}


def test_a_film_without_sound_has_no_audio_track() -> None:
    import av

    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as output:
        film = output.add_stream("libx264", rate=10)
        film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((96, 64), dtype=np.uint8), format="yuv420p")
        output.mux(film.encode(frame))
        output.mux(film.encode(None))

    with pytest.raises(UnsupportedAudio, match="no audio track"):
        audio.probe(io.BytesIO(held.getvalue()), max_seconds=LIMIT)


def test_a_cover_image_alone_is_no_recording() -> None:
    """An ID3 tag that holds a picture, and no music behind it."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    content = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + len(content).to_bytes(4, "big") + b"\0\0" + content
    size = len(frame)
    syncsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))

    with pytest.raises(RostrumError) as refused:
        audio.probe(io.BytesIO(b"ID3\x03\0\0" + syncsafe + frame), max_seconds=LIMIT)

    assert refused.value.code in {"UNSUPPORTED_AUDIO", "EMPTY_AUDIO"}


def test_a_length_that_the_recorder_left_open_is_counted(tmp_path: Path) -> None:
    """A WAV that was piped: its header promises four gigabytes."""
    whole = bytearray(encoded("wav 16 bit"))
    at = whole.index(b"data") + 4
    whole[at : at + 4] = b"\xff\xff\xff\xff"
    whole[4:8] = b"\xff\xff\xff\xff"

    found = audio.probe(io.BytesIO(bytes(whole)), max_seconds=LIMIT)

    assert found.duration == pytest.approx(SECONDS, abs=0.1)


def test_a_damaged_stretch_costs_only_itself(tmp_path: Path) -> None:
    whole = bytearray(encoded(BY_NAME["mp3"], np.tile(speech(), 3)))
    middle = len(whole) // 2
    whole[middle : middle + 2000] = bytes(2000)
    source = tmp_path / "scratched.mp3"
    source.write_bytes(whole)

    made = audio.normalise(source, tmp_path / "speech.ogg", max_seconds=LIMIT)

    assert made.duration == pytest.approx(3 * SECONDS, abs=0.6)


def test_a_recording_without_a_single_sample_is_empty() -> None:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))

    with pytest.raises(EmptyAudio):
        audio.probe(io.BytesIO(held.getvalue()), max_seconds=LIMIT)
