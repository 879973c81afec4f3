"""What can be told of a recording before it is sent, and that the same one is known again."""

from __future__ import annotations

import hashlib
import io
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import text

from pipeline import audio, intake, precheck, removal
from pipeline.database.engine import transaction
from pipeline.errors import AudioTooLarge, EmptyAudio, RostrumError, UnsupportedAudio
from tests.talks import RATE, encode, tone
from tests.world import World


def looked(world: World, content: bytes) -> precheck.Looked:
    return precheck.look(world.services, io.BytesIO(content))


def test_a_look_tells_what_a_recording_is(world: World) -> None:
    content = tone(4, fmt="webm")

    found = looked(world, content)

    assert (found.codec, found.channels, found.content_type) == ("opus", 1, "audio/webm")
    assert found.duration == pytest.approx(4, abs=0.1)
    assert found.size_bytes == len(content)
    assert found.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("silent_share", "expected"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_silence_is_measured(world: World, silent_share: float, expected: float) -> None:
    wave = 9000 * np.sin(2 * np.pi * 220 * np.arange(8 * RATE) / RATE)
    wave[: int(silent_share * len(wave))] = 0

    found = looked(world, encode(wave.astype(np.int16)))

    assert found.silence_share == pytest.approx(expected, abs=0.02)


def test_the_silence_of_a_long_recording_is_not_measured_beforehand() -> None:
    held = io.BytesIO(tone(6))

    found = audio.survey(held, max_seconds=60, decoded_seconds=5)

    assert found.silence_share is None
    assert found.probe.duration == pytest.approx(6, abs=0.1)
    assert held.tell() == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", EmptyAudio),
        (b"just text" * 99, UnsupportedAudio),
        (b"\0" * (1024 * 1024 + 1), AudioTooLarge),
    ],
)
def test_a_look_refuses_what_an_upload_would_refuse(
    world: World, content: bytes, expected: type[RostrumError]
) -> None:
    small = world.with_settings(max_upload_mb=1)

    with pytest.raises(expected) as look:
        looked(small, content)
    with pytest.raises(expected) as upload:
        intake.upload(small.services, audio=io.BytesIO(content), user_id="ann")

    assert look.value.message == upload.value.message


def test_the_same_recording_is_known_again_whoever_it_was_sent_for(world: World) -> None:
    content = tone(3)
    world.upload("ann", audio=content, title="first")
    newest = world.upload("bob", audio=content, title="second")
    world.upload("cid", audio=tone(4))
    digest = looked(world, content).digest

    found = precheck.sent_before(world.services, [digest, "0" * 64])

    assert list(found) == [digest]
    assert (found[digest].session_id, found[digest].user_id) == (newest, "bob")
    assert found[digest].title == "second"


def test_a_deleted_session_is_not_remembered(world: World) -> None:
    content = tone(3)
    removal.delete_session(world.services, world.upload(audio=content))

    assert precheck.sent_before(world.services, [looked(world, content).digest]) == {}


def test_how_long_it_takes_rests_on_what_the_newest_whole_runs_took(world: World) -> None:
    assert precheck.pace(world.services) is None
    world.complete(audio=tone(3))
    with transaction(world.services.engine) as db:
        db.execute(
            text("""
            UPDATE runs SET finished_at = started_at + 2 * s.duration_seconds * interval '1 second'
              FROM sessions s WHERE s.id = runs.session_id""")
        )

    newest = precheck.pace(world.services)

    assert newest is not None
    assert newest.runs == 1
    assert newest.seconds_per_second == pytest.approx(2, abs=0.01)
    assert precheck.likely_seconds(looked(world, tone(10)), newest) == pytest.approx(20, abs=0.2)
    assert precheck.likely_seconds(looked(world, tone(1)), newest) == pytest.approx(6, abs=0.2)


def test_the_likely_cost_is_that_of_both_calls_at_list_prices(world: World) -> None:
    of_a_minute = looked(world, tone(60, fmt="ogg"))

    usd = precheck.likely_usd(world.services.settings, of_a_minute)

    assert usd is not None
    transcription = Decimal("0.006")
    answer = Decimal(precheck.ANSWER_TOKENS) * Decimal("0.50") / 1_000_000
    assert transcription + answer < usd < transcription + 3 * answer


@pytest.mark.parametrize("changed", [{"whisper_model": "other"}, {"claude_model": "other"}])
def test_a_price_that_is_not_known_makes_the_cost_unknown(
    world: World, changed: dict[str, str]
) -> None:
    other = world.with_settings(**changed)

    assert precheck.likely_usd(other.services.settings, looked(world, tone(3))) is None
