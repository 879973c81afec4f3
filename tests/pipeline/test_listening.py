"""A long recording is heard in parts, side by side; what was paid for is kept."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from pipeline import intake
from pipeline.database import parts
from pipeline.database.engine import transaction
from pipeline.errors import NoSpeech, RateLimited, TranscriptionUnavailable
from pipeline.status import Scope, Status
from tests.recordings import encoded
from tests.talks import verbose_json
from tests.world import World

RATE = 16_000
LINES = ("We built a bridge in the small town.", "And people were very happy about it.")


def talk(*stretches: tuple[float, bool]) -> bytes:
    """Sound and silence by turns, as Ogg."""
    rng = np.random.default_rng(1)
    pieces = [
        rng.normal(0, 4000 if loud else 1, int(seconds * RATE)) for seconds, loud in stretches
    ]
    return encoded("ogg opus", np.concatenate(pieces).clip(-3e4, 3e4).astype(np.int16))


LONG = talk(*[(19.0, True), (1.0, False)] * 8)
"""Two minutes and forty seconds, which a chunk length of a minute cuts into four parts."""


def answer(times: int | None = 1, **answered: Any) -> dict[str, Any]:
    body = {"kind": "answer", "status": 200, "body": verbose_json(LINES), "times": times}
    return {**body, **answered}


@pytest.fixture
def parted(world: World) -> World:
    """A world in which a minute is long; parts come one after the other."""
    world.says(verbose_json(LINES))
    return world.with_settings(transcription_chunk_seconds=60, transcription_parallelism=1)


def kept(world: World, session_id: UUID) -> list[int]:
    (run,) = world.detail(session_id).runs
    with transaction(world.services.engine) as db:
        return [part.number for part in parts.parts_of(db, run.id)]


def calls(world: World) -> int:
    return len(world.whisper.calls())


def test_a_long_recording_becomes_one_transcript_with_its_times(parted: World) -> None:
    session_id = parted.complete(audio=LONG)

    transcript = parted.detail(session_id).transcript
    assert transcript is not None
    assert calls(parted) == 4
    starts = [segment.start or 0 for segment in transcript.segments]
    offsets = starts[::2]
    assert offsets[0] == 0
    middles = [39.5, 79.5, 119.5]
    assert offsets[1:] == [pytest.approx(middle, abs=0.1) for middle in middles]
    assert starts == sorted(starts)
    assert [segment.index for segment in transcript.segments] == list(range(8))
    assert transcript.segments[2].words[0].start == pytest.approx(offsets[1])
    assert transcript.duration_seconds == pytest.approx(160, abs=0.1)
    assert transcript.engine == "whisper-1"
    assert (transcript.prompt_version or "").startswith("fillers-")
    assert kept(parted, session_id) == [], "the transcript is whole"


def test_a_part_that_failed_is_asked_for_alone(parted: World) -> None:
    parted.whisper.misbehave(answer(), answer(status=503), answer(times=None))
    session_id = parted.upload(audio=LONG)

    with pytest.raises(TranscriptionUnavailable):
        parted.deliver(session_id)
    assert (calls(parted), kept(parted, session_id)) == (2, [0])
    assert parted.detail(session_id).transcript is None

    parted.deliver(session_id, retried=1)

    assert calls(parted) == 2 + 3, "one was kept, one had failed, two had not been asked for"
    assert parted.detail(session_id).row.status is Status.COMPLETED


def test_what_the_provider_asks_to_wait_reaches_the_queue(parted: World) -> None:
    parted.whisper.misbehave(answer(), answer(status=429, headers={"retry-after": "9"}))
    session_id = parted.upload(audio=LONG)

    with pytest.raises(RateLimited) as limited:
        parted.deliver(session_id)
    assert limited.value.retry_after == 9


def test_parts_under_way_when_another_fails_are_kept(parted: World) -> None:
    together = parted.with_settings(transcription_parallelism=3)
    slow = answer(seconds=1.0, times=None)
    together.whisper.misbehave(answer(status=500), slow)
    session_id = together.upload(audio=LONG)

    with pytest.raises(TranscriptionUnavailable):
        together.deliver(session_id)
    assert len(kept(together, session_id)) == calls(together) - 1

    together.deliver(session_id, retried=1)
    assert together.detail(session_id).row.status is Status.COMPLETED


def test_parts_are_heard_side_by_side_and_no_more_at_once_than_allowed(parted: World) -> None:
    together = parted.with_settings(transcription_parallelism=2)
    together.whisper.misbehave(answer(seconds=1.0, times=None))
    session_id = together.upload(audio=LONG)
    delivery = threading.Thread(target=together.deliver, args=(session_id,))
    # Earlier tests leave threads behind that wait for a service that hangs.
    left = set(threading.enumerate())

    delivery.start()
    seen: set[int] = set()
    held: set[int] = set()
    while delivery.is_alive():
        new = set(threading.enumerate()) - left
        listening = [t for t in new if t.name.startswith("listening-")]
        seen.add(len(listening))
        if calls(together) and not kept(together, session_id):
            held.add(together.services.engine.pool.checkedout())  # type: ignore[attr-defined] # QueuePool's own
        time.sleep(0.02)
    delivery.join()

    assert max(seen) == 2
    assert 0 in held, "no connection is held while Whisper is waited for"
    assert together.detail(session_id).row.status is Status.COMPLETED


def test_parts_that_another_engine_heard_are_heard_again(parted: World) -> None:
    parted.whisper.misbehave(answer(), answer(status=500), answer(times=None))
    session_id = parted.upload(audio=LONG)
    with pytest.raises(TranscriptionUnavailable):
        parted.deliver(session_id)

    other = parted.with_settings(whisper_model="whisper-base")
    other.deliver(session_id, retried=1)

    transcript = other.detail(session_id).transcript
    assert transcript is not None
    assert transcript.engine == "whisper-base"
    assert calls(parted) == 2 + 4


def test_a_rerun_hears_everything_anew(parted: World) -> None:
    parted.whisper.misbehave(answer(), answer(status=400), answer(times=None))
    session_id = parted.upload(audio=LONG)
    with pytest.raises(Exception, match="does not accept"):
        parted.deliver(session_id)

    intake.rerun(parted.services, session_id, scope=Scope.FULL, requested_by="qa")
    parted.deliver(session_id)

    assert calls(parted) == 2 + 4
    assert parted.detail(session_id).row.status is Status.COMPLETED


def test_parts_do_not_outlive_the_audio(parted: World) -> None:
    parted.whisper.misbehave(answer(), answer(status=400))
    session_id = parted.upload(audio=LONG)
    with pytest.raises(Exception, match="does not accept"):
        parted.deliver(session_id)
    assert kept(parted, session_id) == [0]

    from pipeline.sweep import sweep

    parted.clock.move(hours=parted.services.settings.audio_retention_hours + 1)
    sweep(parted.services)

    assert not parted.is_stored(session_id)
    assert kept(parted, session_id) == []


def test_a_silent_part_costs_nothing(parted: World) -> None:
    session_id = parted.complete(audio=talk((50, True), (80, False), (20, True)))

    assert calls(parted) == 3
    transcript = parted.detail(session_id).transcript
    assert transcript is not None
    assert max(segment.start or 0 for segment in transcript.segments) > 99


def test_no_part_with_speech_is_no_speech(parted: World) -> None:
    invented = verbose_json(LINES, no_speech_prob=0.9, avg_logprob=-1.5)
    parted.whisper.misbehave(answer(body=invented, times=None))
    session_id = parted.upload(audio=LONG)

    with pytest.raises(NoSpeech):
        parted.deliver(session_id)
    assert calls(parted) == 4


def test_where_nobody_pauses_the_parts_wait_for_each_other(parted: World) -> None:
    """Each is told how the one before ended, so none may overtake."""
    together = parted.with_settings(transcription_parallelism=4)
    together.whisper.misbehave(answer(seconds=0.2, times=None))
    session_id = together.upload(audio=talk((150, True)))
    delivery = threading.Thread(target=together.deliver, args=(session_id,))

    delivery.start()
    most = 0
    while delivery.is_alive():
        names = {t.name for t in threading.enumerate() if t.name.startswith("listening-")}
        most = max(most, len(names))
        time.sleep(0.01)
    delivery.join()

    assert most == 1
    assert calls(together) == 4


def test_what_language_was_detected_is_stored(world: World) -> None:
    world.says({**verbose_json(), "language": "swedish"})

    session_id = world.complete(language="auto")

    detail = world.detail(session_id)
    assert detail.transcript is not None
    assert (detail.row.language, detail.transcript.language) == ("auto", "sv")


def test_the_successor_of_whisper_says_its_language_in_a_list(world: World) -> None:
    untimed = world.with_settings(whisper_model="gpt-transcribe")
    world.says({"text": "Guten Tag. Ich heiße Anna.", "languages": [{"code": "de"}]})

    session_id = untimed.complete(language="auto")

    transcript = untimed.detail(session_id).transcript
    assert transcript is not None
    assert transcript.language == "de"


def test_parts_without_times_are_placed_where_they_were_cut(parted: World) -> None:
    untimed = parted.with_settings(whisper_model="gpt-transcribe")
    untimed.whisper.misbehave(answer(body={"text": " ".join(LINES)}, times=None))

    session_id = untimed.complete(audio=LONG)

    transcript = untimed.detail(session_id).transcript
    assert transcript is not None
    assert transcript.estimated
    starts = [segment.start or 0 for segment in transcript.segments]
    assert starts[0] == pytest.approx(0, abs=0.1)
    assert starts[2] == pytest.approx(40, abs=0.1), "after the silence in which it was cut"
    assert starts[4] == pytest.approx(80, abs=0.1)
