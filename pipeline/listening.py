"""From a recording to its transcript: level it, cut it, hear the parts side by side, join them.

Each part is committed as soon as it was heard: when another one fails, the delivery fails, and
the next delivery asks only for what is missing (docs/decisions/0007).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline import audio
from pipeline.audio import Normalised, Part
from pipeline.database import parts as stored
from pipeline.database.engine import transaction
from pipeline.database.leases import Lease
from pipeline.errors import NoSpeech
from pipeline.language import AUTO, UNKNOWN
from pipeline.services import Services
from pipeline.speech.transcript import Silence, Transcript, TranscriptPart, silent_seconds
from pipeline.speech.words import count_words
from pipeline.transcribe.gate import gated
from pipeline.transcribe.prompt import prompt_for, version_for

SAME_PLACE_SECONDS = 0.05
"""Two plans of one recording agree on a part when its ends lie so near."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Listening:
    """What all parts of one recording have in common."""

    services: Services
    lease: Lease
    silences: tuple[Silence, ...]
    whole: bool
    """There is one part only: the transcript itself is kept at once."""
    may_go_on: Callable[[], None]


def hear(
    services: Services, lease: Lease, recording: Path, *, may_go_on: Callable[[], None]
) -> Transcript:
    """What is said in a recording; one without sound costs no transcription.

    Files are made beside the recording. `may_go_on` raises when it is better to stop; it is
    asked before each part.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong: it is no recording for us.
        NoSpeech: nothing that may be believed was said.
        TranscriptionRejected, TranscriptionUnavailable, RateLimited, TimedOut: by the engine.
        LeaseHeld, NotFound: the lease is not ours any more.
    """
    settings = services.settings
    speech = audio.normalise(
        recording,
        recording.with_name(audio.FILE_NAME),
        max_seconds=settings.max_audio_minutes * 60,
    )
    if speech.is_silent:
        raise NoSpeech
    planned = audio.plan(
        speech,
        chunk_seconds=settings.transcription_chunk_seconds,
        side_by_side=settings.transcription_parallelism,
    )
    listening = _Listening(services, lease, speech.silences, len(planned) == 1, may_go_on)
    known = _heard_before(listening, planned)
    files = _files(speech, [part for part in planned if part.number not in known])
    _hear_missing(listening, planned, known, files)
    return _joined(listening, [known[part.number] for part in planned], speech)


def _heard_before(listening: _Listening, planned: Sequence[Part]) -> dict[int, TranscriptPart]:
    """Parts that cost nothing: silent ones, and those that an earlier attempt has kept."""
    wanted = {part.number: _as_heard(listening, part, language=UNKNOWN) for part in planned}
    silent = {
        part.number: wanted[part.number] for part in planned if _is_silent(part, listening.silences)
    }
    if listening.lease.attempt == 1:
        return silent
    with transaction(listening.services.engine) as db:
        kept = stored.parts_of(db, listening.lease.run_id)
    same = {part.number: part for part in kept if _is_same(part, wanted.get(part.number))}
    return {**silent, **same}


def _is_same(kept: TranscriptPart, wanted: TranscriptPart | None) -> bool:
    """Whether a kept part is just what would be asked for now."""
    return (
        wanted is not None
        and abs(kept.start - wanted.start) < SAME_PLACE_SECONDS
        and abs(kept.end - wanted.end) < SAME_PLACE_SECONDS
        and (kept.engine, kept.prompt_version) == (wanted.engine, wanted.prompt_version)
    )


def _is_silent(part: Part, silences: Sequence[Silence]) -> bool:
    silent = silent_seconds(silences, part.start, part.end)
    return part.seconds - silent < audio.SHORTEST_SILENCE_SECONDS


def _files(speech: Normalised, missing: Sequence[Part]) -> dict[int, Path]:
    """A file for each part; the whole is not cut."""
    if len(missing) == 1 and missing[0].seconds >= speech.duration:
        return {missing[0].number: speech.path}
    if not missing:
        return {}
    made = audio.cut(speech, missing, speech.path.parent)
    return {part.number: path for part, path in zip(missing, made, strict=True)}


def _hear_missing(
    listening: _Listening,
    planned: Sequence[Part],
    known: dict[int, TranscriptPart],
    files: dict[int, Path],
) -> None:
    """Hear every part that is not known, side by side, and add it to those that are.

    The first failure ends it: what is under way is heard to its end, for it is paid for.
    """
    jobs = [partial(_hear_chain, listening, chain, known, files) for chain in _chains(planned)]
    _side_by_side(jobs, at_once=listening.services.settings.transcription_parallelism)


def _side_by_side(jobs: Sequence[Callable[[], None]], *, at_once: int) -> None:
    """Run all jobs, so many at once; after a failure none is begun, and the first is raised."""
    waiting = deque(jobs)
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)

    # Daemons, as those of `Watch`: a process that is told to stop waits for no answer. Each in a
    # copy of the context of its own: log lines and the trace name the delivery there, too.
    threads = [
        threading.Thread(
            target=copy_context().run, args=(work,), name=f"listening-{number}", daemon=True
        )
        for number in range(min(at_once, len(jobs)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _chains(planned: Sequence[Part]) -> list[list[Part]]:
    """Rows of parts that may be heard independently of each other.

    A part that begins in mid-speech waits for the one before, whose last words it is told.
    """
    chains: list[list[Part]] = []
    for part in planned:
        if part.follows_speech and chains:
            chains[-1].append(part)
        else:
            chains.append([part])
    return chains


def _hear_chain(
    listening: _Listening,
    chain: Sequence[Part],
    known: dict[int, TranscriptPart],
    files: dict[int, Path],
) -> None:
    before = ""
    for part in chain:
        if part.number not in known:
            known[part.number] = _hear_part(listening, part, files[part.number], carried=before)
        before = known[part.number].text


def _hear_part(listening: _Listening, part: Part, file: Path, *, carried: str) -> TranscriptPart:
    services, lease = listening.services, listening.lease
    listening.may_go_on()
    answer = services.transcriber.transcribe(
        file, language=lease.language, prompt=prompt_for(lease.language, carried=carried)
    )
    heard = replace(
        _as_heard(listening, part, language=answer.language),
        segments=gated(answer, part, listening.silences),
    )
    if not listening.whole:
        with transaction(services.engine) as db:
            stored.keep_part(db, lease, heard, now=services.now())
        log.info("part_heard", extra={"part": part.number})
    return heard


def _as_heard(listening: _Listening, part: Part, *, language: str) -> TranscriptPart:
    """A part in which nothing was heard yet."""
    return TranscriptPart(
        number=part.number,
        start=part.start,
        end=part.end,
        segments=(),
        language=language,
        engine=listening.services.transcriber.engine,
        prompt_version=version_for(listening.lease.language),
    )


def _joined(
    listening: _Listening, parts: Sequence[TranscriptPart], speech: Normalised
) -> Transcript:
    segments = [segment for part in parts for segment in part.segments]
    if not segments:
        raise NoSpeech
    return Transcript(
        segments=tuple(replace(segment, index=index) for index, segment in enumerate(segments)),
        language=_language(listening.lease.language, parts),
        duration=speech.duration,
        engine=parts[0].engine,
        silences=speech.silences,
        prompt_version=parts[0].prompt_version,
    )


def _language(asked: str, parts: Sequence[TranscriptPart]) -> str:
    """What was asked for, or else the language in which most words were heard."""
    if asked != AUTO:
        return asked
    words: Counter[str] = Counter()
    for part in parts:
        words[part.language] += count_words(part.text)
    return words.most_common(1)[0][0]
