"""What is not speech is NO_SPEECH, also to the real engine; one word is enough to be heard."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx2
import numpy as np
import pytest

from pipeline import direct_upload, intake
from pipeline.errors import NoSpeech, UnsupportedAudio
from pipeline.status import Status
from tests.recordings import HELLO, RATE, Samples, encoded, speech
from tests.world import World

SECONDS = 12


def _sine(hertz: float, seconds: float = SECONDS) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE))


def silence() -> Samples:
    return np.zeros(RATE * SECONDS, dtype=np.int16)


def noise() -> Samples:
    return np.random.default_rng(1).normal(0, 3000, RATE * SECONDS).astype(np.int16)


def tones() -> Samples:
    return (_sine(440) * 6000 + _sine(1000) * 3000).astype(np.int16)


def music() -> Samples:
    """Chords that change each second, struck and fading."""
    roots = [220.0, 174.6, 261.6, 196.0] * (SECONDS // 4)
    fading = np.exp(-3 * np.arange(RATE) / RATE)
    chords = [sum(_sine(root * step, 1) for step in (1, 1.25, 1.5, 2)) * fading for root in roots]
    return (np.concatenate(chords) * 4000).astype(np.int16)


@pytest.mark.speech
@pytest.mark.parametrize("sound", [silence, noise, tones, music], ids=lambda sound: sound.__name__)
def test_what_is_not_speech_is_no_speech(world: World, sound: Callable[[], Samples]) -> None:
    world.whisper.behave()
    session_id = world.upload(audio=encoded("webm opus", sound()))

    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    row = world.detail(session_id).row
    assert row.error is not None
    assert (row.error.code, row.error.retryable) == ("NO_SPEECH", False)


@pytest.mark.speech
def test_a_few_words_alone_are_heard(world: World) -> None:
    world.whisper.behave()
    quiet = np.zeros(RATE, dtype=np.int16)
    words = speech(HELLO)[: int(0.8 * RATE)]

    session_id = world.complete(audio=encoded("m4a aac", np.concatenate([quiet, words, quiet])))

    transcript = world.detail(session_id).transcript
    assert transcript is not None
    assert "thank you" in transcript.text.lower()
    assert transcript.word_count <= 4


def test_what_was_sent_straight_to_storage_is_decoded_by_the_worker(world: World) -> None:
    junk = b"this is no recording" * 100
    announced = direct_upload.presign(
        world.services, user_id="ann", content_type="audio/mp4", size_bytes=len(junk)
    )
    httpx2.put(announced.url, content=junk, headers=announced.headers).raise_for_status()
    direct_upload.confirm(world.services, announced.session_id)

    with pytest.raises(UnsupportedAudio):
        world.deliver(announced.session_id)
    assert world.detail(announced.session_id).row.status is Status.FAILED
    assert world.whisper.calls() == []


def test_a_name_and_a_type_that_lie_change_nothing(world: World) -> None:
    content = encoded("mp4 with video")

    session_id = intake.upload(world.services, audio=io.BytesIO(content), user_id="ann").session_id

    assert world.detail(session_id).row.audio_content_type == "video/mp4"
    world.deliver(session_id)
    assert world.detail(session_id).row.status is Status.COMPLETED
