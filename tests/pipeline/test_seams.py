"""Real speech, really heard, whole and in parts: nothing is lost, doubled or moved at a seam."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from local.demo import word_error_rate
from pipeline import audio
from pipeline.session import TranscriptShown
from pipeline.speech.transcript import Word
from pipeline.speech.words import key_of
from tests.recordings import SAMPLE, encoded, speech
from tests.world import World

SCRIPT = SAMPLE.with_suffix(".txt").read_text()
AROUND_SECONDS = 6.0


def heard(world: World, recording: bytes) -> TranscriptShown:
    transcript = world.detail(world.complete(audio=recording)).transcript
    assert transcript is not None
    return transcript


def words_of(transcript: TranscriptShown) -> list[Word]:
    return [word for segment in transcript.segments for word in segment.words]


def between(words: Sequence[Word], start: float, end: float) -> list[Word]:
    return [word for word in words if start <= (word.start or 0) < end]


def _place_of(some: Sequence[Word], among: Sequence[Word]) -> int:
    """Where these words stand in a row."""
    wanted = [key_of(word.text) for word in some]
    keys = [key_of(word.text) for word in among]
    places = [i for i in range(len(keys)) if keys[i : i + len(wanted)] == wanted]
    assert len(places) == 1, (wanted, keys)
    return places[0]


@pytest.mark.speech
@pytest.mark.timeout(600)
def test_a_talk_in_parts_is_the_talk(world: World, tmp_path: Path) -> None:
    world.whisper.behave()
    recording = SAMPLE.read_bytes()

    whole = heard(world, recording)
    parted = heard(world.with_settings(transcription_chunk_seconds=60), recording)

    assert len(world.whisper.calls()) == 1 + 2
    speech = audio.normalise(SAMPLE, tmp_path / "speech.ogg", max_seconds=7200)
    parts = audio.plan(speech, chunk_seconds=60, side_by_side=6)
    for seam in [part.start for part in parts[1:]]:
        before = between(words_of(whole), seam - AROUND_SECONDS, seam + AROUND_SECONDS)
        around = between(words_of(parted), seam - 2 * AROUND_SECONDS, seam + 2 * AROUND_SECONDS)
        after = around[_place_of(before, around) :][: len(before)]
        for one, other in zip(before, after, strict=True):
            assert other.start == pytest.approx(one.start, abs=0.3)
            assert other.end == pytest.approx(one.end, abs=0.3)
    assert word_error_rate(SCRIPT, parted.text) < 0.03


@pytest.mark.long
@pytest.mark.speech
@pytest.mark.timeout(3600)
def test_ninety_minutes_of_speech_and_pauses_are_heard_to_their_end(world: World) -> None:
    """Of a known script: whatever is lost or doubled shows in the word error rate."""
    world.whisper.behave()
    talk = np.concatenate([speech(SAMPLE), np.zeros(30 * 16_000, dtype=np.int16)])
    turns = 45
    patient = world.with_settings(transcription_parallelism=2, delivery_seconds=3000)
    session_id = patient.upload(audio=encoded("m4a aac", np.tile(talk, turns)))

    for retried in range(3):
        try:
            patient.deliver(session_id, retried=retried)
        except Exception as error:  # noqa: BLE001 - a stage's time is over: the next goes on
            assert type(error).__name__ == "TimedOut"  # noqa: PT017 - nothing else may happen
        else:
            break

    transcript = patient.detail(session_id).transcript
    assert transcript is not None
    assert transcript.duration_seconds > 85 * 60
    assert word_error_rate(SCRIPT * turns, transcript.text) < 0.03
    assert (transcript.segments[-1].end or 0) > transcript.duration_seconds - 40
