"""Long recordings are cut in silence, into parts that add up to the whole."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import audio
from pipeline.audio.parts import MOST_BYTES, Part, parts_of
from pipeline.decoding.recording import Lull
from pipeline.speech.transcript import Silence
from tests.recordings import SAMPLE, Samples, decoded, encoded, likeness, speech


def pauses(duration: float, every: float, seconds: float = 0.6) -> tuple[Silence, ...]:
    """A pause after each stretch of speech."""
    count = int(duration / every)
    return tuple(Silence(i * every, i * every + seconds) for i in range(1, count))


def test_a_short_recording_is_one_part() -> None:
    assert parts_of(600, pauses(600, 7), longest=600, side_by_side=6) == (Part(0, 0.0, 600, False),)


def test_an_hour_is_shared_out_evenly_among_those_who_work_side_by_side() -> None:
    parts = parts_of(3600, pauses(3600, 7), longest=600, side_by_side=6)

    assert len(parts) == 12
    assert all(part.seconds == pytest.approx(300, abs=15) for part in parts)
    assert not any(part.follows_speech for part in parts)


def test_parts_are_not_made_short_only_to_share_them_out() -> None:
    assert len(parts_of(660, pauses(660, 7), longest=600, side_by_side=6)) == 2


def test_the_longest_silence_near_the_place_is_taken() -> None:
    silences = (Silence(580, 580.3), Silence(612, 612.9), Silence(640, 640.3))

    first, second = parts_of(1200, silences, longest=900)

    assert first.end == second.start == pytest.approx(612.45, abs=0.02)


def test_where_nobody_pauses_the_quietest_moment_is_taken_and_marked() -> None:
    lulls = (Lull(560, -30), Lull(610, -42), Lull(640, -35))

    _, second = parts_of(1200, (), lulls, longest=900)

    assert second.start == pytest.approx(610, abs=0.02)
    assert second.follows_speech


def test_a_silence_that_is_longer_than_the_reach_is_cut_within_it() -> None:
    _, second = parts_of(1200, (Silence(500, 1000),), longest=900)

    assert not second.follows_speech
    assert 500 < second.start < 750


@st.composite
def recordings(draw: st.DrawFn) -> tuple[float, tuple[Silence, ...]]:
    duration = draw(st.floats(1, 8000))
    starts = sorted(draw(st.lists(st.floats(0, duration), max_size=60)))
    lengths = draw(st.lists(st.floats(0.25, 30), min_size=len(starts), max_size=len(starts)))
    silences = []
    cursor = 0.0
    for start, length in zip(starts, lengths, strict=True):
        begin = max(start, cursor)
        end = min(begin + length, duration)
        if end - begin >= 0.25:
            silences.append(Silence(begin, end))
        cursor = end
    return duration, tuple(silences)


@settings(max_examples=200, deadline=None)
@given(talk=recordings(), longest=st.floats(60, 900), side_by_side=st.integers(1, 12))
def test_parts_cover_the_recording_without_gap_or_overlap(
    talk: tuple[float, tuple[Silence, ...]], longest: float, side_by_side: int
) -> None:
    duration, silences = talk

    parts = parts_of(duration, silences, longest=longest, side_by_side=side_by_side)

    assert parts[0].start == 0
    assert parts[-1].end == duration
    assert [part.number for part in parts] == list(range(len(parts)))
    for one, other in pairwise(parts):
        assert one.end == other.start
        in_silence = any(s.start - 0.02 <= other.start <= s.end + 0.02 for s in silences)
        assert in_silence or other.follows_speech
    assert all(0 < part.seconds <= longest + 0.04 for part in parts)


def test_the_providers_limit_splits_what_the_chunk_length_does_not(tmp_path: Path) -> None:
    path = tmp_path / "speech.ogg"
    path.touch()
    os.truncate(path, 2 * MOST_BYTES)
    whole = audio.Normalised(path, 7200.0, pauses(7200, 7))

    parts = audio.plan(whole, chunk_seconds=100_000, side_by_side=1)

    assert len(parts) == 3
    assert all(part.seconds / 7200 * 2 * MOST_BYTES < MOST_BYTES for part in parts)


@pytest.fixture(scope="module")
def talk() -> Samples:
    return np.concatenate([speech(SAMPLE), speech(SAMPLE)])


def test_the_parts_put_together_are_the_recording(tmp_path: Path, talk: Samples) -> None:
    source = tmp_path / "talk.flac"
    source.write_bytes(encoded("flac", talk))
    whole = audio.normalise(source, tmp_path / "speech.ogg", max_seconds=7200)

    parts = audio.plan(whole, chunk_seconds=60, side_by_side=2)
    files = audio.cut(whole, parts, tmp_path)

    assert len(files) == len(parts) >= 3
    normal = decoded(whole.path)
    for part, file in zip(parts, files, strict=True):
        heard = decoded(file)
        expected = normal[int(part.start * 16_000) : int(part.end * 16_000)]
        assert len(heard) == pytest.approx(len(expected), abs=0.05 * 16_000)
        assert likeness(heard, expected) > 0.98
    assert all(path.stat().st_size < whole.path.stat().st_size for path in files)


def test_some_parts_can_be_cut_alone(tmp_path: Path, talk: Samples) -> None:
    source = tmp_path / "talk.flac"
    source.write_bytes(encoded("flac", talk))
    whole = audio.normalise(source, tmp_path / "speech.ogg", max_seconds=7200)
    parts = audio.plan(whole, chunk_seconds=60, side_by_side=2)

    (file,) = audio.cut(whole, parts[1:2], tmp_path)

    expected = decoded(whole.path)[int(parts[1].start * 16_000) : int(parts[1].end * 16_000)]
    assert likeness(decoded(file), expected) > 0.98
