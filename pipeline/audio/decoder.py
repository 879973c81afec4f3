"""The parent's side: have a bounded child do a job, wait for it, and take its answer with care.

A child that crashes, hangs, or asks for too much was given a recording that is none. Only one
that could not even begin is our own trouble.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.audio.forking import ForkServer, Hung
from pipeline.audio.parts import Part
from pipeline.decoding.child import FIRST_WRITTEN, READY
from pipeline.decoding.confinement import Bounds
from pipeline.decoding.recording import (
    BIT_RATE,
    Cut,
    Measured,
    Normalised,
    Probe,
    Refusal,
    Survey,
)
from pipeline.errors import AudioTooLong, EmptyAudio, RostrumError, UnsupportedAudio

MEMORY_BYTES = 1 << 30
"""Of address space; decoding and levelling take a third of it."""
PROBE_SECONDS = 20
"""Of processor time; a probe takes 0.2, or 2 where it must read 200 MB."""
SLOWEST_SPEED = 30
"""Times real time on one core; usual is more than 100 (docs/performance.md)."""
PATIENCE = 4
"""A machine that is busy may take so many times the processor time."""
SOONER = 5
"""Niceness of a child that somebody waits for; of those that work for a delivery it is 10."""
ANSWER_BYTES = 16 << 20
"""Two hours in which every second word is followed by a pause take less than one."""
CUT_AT_ONCE = 200
"""So many files can be passed to a child (`fork_server.MOST_FILES`)."""

_probes = threading.BoundedSemaphore(4)
_normalisations = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
"""So many children at once: uploads do not wait for long recordings."""
_children = ForkServer()
atexit.register(_children.close)

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


def probe(audio: BinaryIO | Path, *, max_seconds: float) -> Probe:
    """Decode the beginning and measure the length; leaves a file object at its beginning.

    Raises:
        EmptyAudio: no bytes, or no sound of any length.
        UnsupportedAudio: not audio that we can decode.
        AudioTooLong: longer than `max_seconds`.
    """
    bounds = Bounds(MEMORY_BYTES, PROBE_SECONDS, ANSWER_BYTES, SOONER)
    with _descriptor_of(audio) as source, _probes:
        return ask(Probe, "probe", source, bounds=bounds, max_seconds=max_seconds)


def survey(audio: BinaryIO, *, max_seconds: float, decoded_seconds: float) -> Survey:
    """As `probe`, and the share of silence where it is no longer than `decoded_seconds`.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong: as `probe`.
    """
    bounds = Bounds(
        MEMORY_BYTES, PROBE_SECONDS + int(decoded_seconds / SLOWEST_SPEED), ANSWER_BYTES, SOONER
    )
    with _descriptor_of(audio) as source, _probes:
        return ask(
            Survey,
            "survey",
            source,
            bounds=bounds,
            max_seconds=max_seconds,
            decoded_seconds=decoded_seconds,
        )


def normalise(source: Path, target: Path, *, max_seconds: float) -> Normalised:
    """Write the recording as compact mono speech and measure its silence, in one pass.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong: as `probe`.
    """
    bounds = Bounds(
        MEMORY_BYTES,
        PROBE_SECONDS + int(max_seconds / SLOWEST_SPEED),
        ANSWER_BYTES + int(2 * max_seconds * BIT_RATE / 8),
    )
    with source.open("rb") as recording, target.open("wb") as made, _normalisations:
        found = ask(
            Measured,
            "normalise",
            recording.fileno(),
            written=[made.fileno()],
            bounds=bounds,
            target=FIRST_WRITTEN,
            max_seconds=max_seconds,
        )
    return Normalised(target, found.duration, found.silences, found.lulls)


def cut(speech: Normalised, parts: Sequence[Part], folder: Path) -> tuple[Path, ...]:
    """Write each part of normalised speech to a file of its own in `folder`.

    Raises:
        UnsupportedAudio: it is not what `normalise` wrote.
    """
    made = tuple(folder / f"part-{part.number}.ogg" for part in parts)
    for first in range(0, len(parts), CUT_AT_ONCE):
        chosen = slice(first, first + CUT_AT_ONCE)
        _cut_some(speech, parts[chosen], made[chosen])
    return made


def _cut_some(speech: Normalised, parts: Sequence[Part], made: Sequence[Path]) -> None:
    bounds = Bounds(MEMORY_BYTES, PROBE_SECONDS, ANSWER_BYTES + speech.path.stat().st_size)
    with ExitStack() as opened:
        source = opened.enter_context(speech.path.open("rb"))
        written = [opened.enter_context(path.open("wb")).fileno() for path in made]
        ask(
            Cut,
            "cut",
            source.fileno(),
            written=written,
            bounds=bounds,
            targets=list(range(FIRST_WRITTEN, FIRST_WRITTEN + len(written))),
            spans=[(part.start, part.end) for part in parts],
        )


@contextmanager
def _descriptor_of(audio: BinaryIO | Path) -> Iterator[int]:
    """An open file with the recording in it; one that is only in memory is written out."""
    if isinstance(audio, Path):
        with audio.open("rb") as opened:
            yield opened.fileno()
        return
    try:
        audio.flush()
        number = audio.fileno()
    except OSError:
        with tempfile.TemporaryFile() as copy:
            audio.seek(0)
            shutil.copyfileobj(audio, copy)
            copy.flush()
            yield copy.fileno()
    else:
        yield number
    audio.seek(0)


def get_ready() -> None:
    """Load what decoding needs beforehand: the first recording then waits no longer than others.

    Raises:
        OSError, RuntimeError: it cannot be loaded.
    """
    _children.start()


def ask(
    kind: type[Answer],
    job: Literal["probe", "survey", "normalise", "cut"],
    source: int,
    *,
    written: Sequence[int] = (),
    bounds: Bounds,
    **arguments: Any,
) -> Answer:
    """Run one job in a child that has these bounds, and wait for it.

    It may write to the files `written`, which it knows by numbers from `FIRST_WRITTEN` on.

    Raises:
        EmptyAudio, UnsupportedAudio, AudioTooLong: as `probe`.
        OSError, RuntimeError: the child could not begin.
    """
    request = {"job": job, "bounds": asdict(bounds), "arguments": arguments}
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as complaint:
        try:
            status = _children.run(
                request,
                [source, answer.fileno(), complaint.fileno(), *written],
                seconds=bounds.cpu_seconds * PATIENCE,
            )
        except Hung:
            # It counts as one that died.
            log.warning("decoder_hung", extra={"job": job})
        else:
            if status:
                log.warning("decoder_died", extra={"job": job, "exit_status": status})
        answer.seek(0)
        ready, _, found = answer.read(ANSWER_BYTES).partition(b"\n")
        if ready != READY.encode():
            complaint.seek(0)
            words = complaint.read(4096).decode(errors="replace")
            raise RuntimeError(f"The decoding child did not begin: {words}")
    return _read(kind, found, arguments)


def _read(kind: type[Answer], found: bytes, arguments: Mapping[str, Any]) -> Answer:
    """The child's answer, or its refusal as our error; what is neither came from no recording."""
    try:
        told: Any = json.loads(found)
        if isinstance(told, dict) and "refused" in told:
            raise _refusal(Refusal(told["refused"]), arguments)
        return TypeAdapter(kind).validate_python(told)
    except (ValueError, ValidationError) as error:
        raise UnsupportedAudio from error


def _refusal(why: Refusal, arguments: Mapping[str, Any]) -> RostrumError:
    match why:
        case Refusal.EMPTY:
            return EmptyAudio()
        case Refusal.TOO_LONG:
            minutes = arguments["max_seconds"] / 60
            return AudioTooLong(f"The recording is longer than {minutes:.0f} minutes.")
        case Refusal.NO_TRACK:
            return UnsupportedAudio("The file has no audio track.")
        case Refusal.UNREADABLE:
            return UnsupportedAudio()
