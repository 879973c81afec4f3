"""Real speech, really heard, whole and in parts: nothing is lost, doubled or moved at a seam."""

from __future__ import annotations

from difflib import SequenceMatcher
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


def assert_same_around(seam: float, whole: list[Word], parted: list[Word]) -> None:
    """As many words near the seam, each at its time.

    One that is heard otherwise is neither lost nor doubled: the engine was unsure of it.
    """
    before, after = ([key_of(word.text) for word in words] for words in (whole, parted))
    matched = 0
    for _, i, i_end, j, j_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        near = [w for w in [*whole[i:i_end], *parted[j:j_end]] if _is_near(w, seam)]
        if not near:
            continue
        assert i_end - i == j_end - j, f"{before[i:i_end]} {after[j:j_end]}"
        for one, other in zip(whole[i:i_end], parted[j:j_end], strict=True):
            if _is_near(one, seam):
                assert other.start == pytest.approx(one.start, abs=0.3)
                assert other.end == pytest.approx(one.end, abs=0.3)
                matched += 1
    assert matched > 10


def _is_near(word: Word, seam: float) -> bool:
    return abs((word.start or 0) - seam) <= AROUND_SECONDS


@pytest.mark.speech
@pytest.mark.timeout(600)
def test_a_talk_in_parts_is_heard_whole(world: World) -> None:
    world.whisper.behave()

    parted = heard(world.with_settings(transcription_chunk_seconds=60), SAMPLE.read_bytes())

    assert len(world.whisper.calls()) == 2
    assert word_error_rate(SCRIPT, parted.text) < 0.03


@pytest.mark.long
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
        assert_same_around(seam, words_of(whole), words_of(parted))
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
