"""What recordings cost: `make bench-audio` (`--quick` for a tenth of the lengths)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx2
import psutil

from benchmarks.record import introduce, keep, machine
from benchmarks.recordings import long_recording, wav_of_size
from benchmarks.table import heading, row
from local.objects import running_objects
from local.postgres import running_postgres
from pipeline import audio
from pipeline.settings import Settings
from tests.backend.live import Live, running_backend
from tests.folders import open_folder
from tests.standins import StandIn, running
from tests.world import settings_on, with_changes

ROOT = Path(__file__).parent.parent
SIDE_BY_SIDE = 6
ENCODINGS = ("webm opus", "m4a aac", "mp3", "flac")
PATIENCE_SECONDS = 1200.0
PACKAGES = ("av", "numpy")
Figures: TypeAlias = dict[str, dict[str, float]]
"""What was measured of what, by name."""


@dataclass(frozen=True)
class Surroundings:
    """Where the pipeline runs: real servers, and a Whisper with a pace."""

    settings: Settings
    whisper: StandIn
    folder: Path


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Everything that one delivery needs, in a folder that goes afterwards."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="rostrum-bench-")))
        cluster = opened.enter_context(open_folder())
        database_url = opened.enter_context(running_postgres(cluster, durable=False))
        subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            check=True,
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url},
        )
        objects = opened.enter_context(running_objects(folder / "objects"))
        log = folder / "log"
        analyst = opened.enter_context(running("local.analyst", log=log))
        whisper = opened.enter_context(running("benchmarks.paced_whisper", log=log))
        settings = settings_on(
            database_url=database_url,
            objects=objects,
            whisper_url=whisper.url,
            analyst_url=analyst.url,
        )
        yield Surroundings(settings, whisper, folder)


@contextmanager
def backend(around: Surroundings, **changed: int) -> Iterator[Live]:
    """A backend, warm: it has taken and processed a short recording."""
    usual = {"transcription_parallelism": SIDE_BY_SIDE}
    settings = with_changes(around.settings, **usual | changed)
    with running_backend(settings, around.folder / "backend.log") as live:
        process(live, upload(live, wav_of_size(1, around.folder / "warm.wav")))
        yield live


def upload(live: Live, recording: Path) -> str:
    """The id of the session."""
    with recording.open("rb") as file:
        answer = live.client.post(
            "/api/sessions",
            data={"userId": "bench"},
            files={"audio": (recording.name, file)},
            timeout=PATIENCE_SECONDS,
        )
    answer.raise_for_status()
    return str(answer.json()["id"])


def process(live: Live, session_id: str) -> float:
    """Seconds that the delivery took."""
    begun = time.monotonic()
    live.process(session_id, timeout=PATIENCE_SECONDS).raise_for_status()
    return time.monotonic() - begun


@contextmanager
def watching_children(pid: int) -> Iterator[list[float]]:
    """The resident megabytes of the largest child, looked at 20 times a second."""
    seen = [0.0]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for child in psutil.Process(pid).children(recursive=True):
                try:
                    seen[0] = max(seen[0], child.memory_info().rss / 1024**2)
                except psutil.NoSuchProcess:
                    continue

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def grown(live: Live, act: Callable[[], object]) -> tuple[float, float]:
    """Megabytes by which the backend's peak rose, and the peak of its largest child."""
    before = live.peak_megabytes
    with watching_children(live.pid) as child:
        act()
    return live.peak_megabytes - before, child[0]


def measure_memory(around: Surroundings, scale: float) -> Figures:
    """Uploads of three sizes, and a worker on two hours."""
    figures: Figures = {}

    def told(name: str, own: float, child: float) -> None:
        figures[name] = {"backend_megabytes": own, "largest_child_megabytes": child}
        row(name, f"{own:.0f} MB", f"{child:.0f} MB")

    heading("Memory over baseline (goal: below 40 MB)", "backend", "largest child")
    with backend(around) as live:
        for megabytes in (1, 50, 199):
            recording = wav_of_size(megabytes * scale, around.folder / "upload.wav")
            risen = grown(live, lambda file=recording: upload(live, file))  # type: ignore[misc] # bound now
            told(f"upload of {megabytes * scale:g} MB", *risen)
    recording = long_recording("flac", 7100 * scale, around.folder / "two-hours.flac")
    with backend(around) as live:
        session_id = upload(live, recording)
        risen = grown(live, lambda: process(live, session_id))
        told(f"worker on {7100 * scale / 60:.0f} minutes", *risen)
    return figures


def measure_wall_time(around: Surroundings, scale: float) -> Figures:
    """One delivery of an hour, its parts one after the other and side by side.

    One after the other takes as long as one call for the whole would, which the 300 seconds
    that a call may take do not allow.
    """
    seconds = 3600 * scale
    heading("Wall time of a delivery (goal: at least 4 times faster)", "seconds", "calls", "sent")
    recording = long_recording("flac", seconds, around.folder / "hour.flac")
    chunk_seconds = max(60, int(600 * scale))
    figures: Figures = {}
    for name, at_once in (("one by one", 1), (f"{SIDE_BY_SIDE} side by side", SIDE_BY_SIDE)):
        with backend(
            around, transcription_parallelism=at_once, transcription_chunk_seconds=chunk_seconds
        ) as live:
            session_id = upload(live, recording)
            httpx2.get(f"{around.whisper.url}/sent")
            taken = process(live, session_id)
        sizes = httpx2.get(f"{around.whisper.url}/sent").json()["bytes"]
        figures[name] = {"seconds": taken, "calls": len(sizes), "bytes_sent": sum(sizes)}
        row(
            f"{seconds / 60:.0f} minutes, {name}",
            f"{taken:.0f}",
            str(len(sizes)),
            f"{sum(sizes) / 1024**2:.1f} MB",
        )
    whole, parted = (found["seconds"] for found in figures.values())
    row("times faster", f"{whole / parted:.1f}", "", "")
    return figures


def measure_speed(around: Surroundings, scale: float) -> Figures:
    """Probe, normalise and silence on one core, and what is sent in place of the original."""
    seconds = 1200 * scale
    figures: Figures = {}
    heading(
        "Probe, normalise, silence on one core (goal: above 100)",
        "x real time",
        "original, KB/min",
        "sent, KB/min",
    )
    for encoding in (*ENCODINGS, "wav 16 bit"):
        target = around.folder / "speed"
        if encoding.startswith("wav"):
            recording = wav_of_size(48_000 * 2 * seconds / 1024**2, target)
        else:
            recording = long_recording(encoding, seconds, target)
        usage = _children_seconds()
        with recording.open("rb") as file:
            audio.probe(file, max_seconds=7200)
        made = audio.normalise(recording, around.folder / "speech.ogg", max_seconds=7200)
        spent = _children_seconds() - usage
        minutes = made.duration / 60
        figures[encoding] = found = {
            "times_real_time": made.duration / spent,
            "original_kilobytes_a_minute": recording.stat().st_size / 1024 / minutes,
            "sent_kilobytes_a_minute": made.path.stat().st_size / 1024 / minutes,
        }
        row(f"{encoding}, {minutes:.0f} minutes", *(f"{value:.0f}" for value in found.values()))
    return figures


def _children_seconds() -> float:
    """Processor time of all children so far: what one core would have taken."""
    spent = os.times()
    return spent.children_user + spent.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audio", description=__doc__)
    measures = {"speed": measure_speed, "wall": measure_wall_time, "memory": measure_memory}
    parser.add_argument("measure", nargs="*", choices=[*measures, []], help="all unless named")
    parser.add_argument("--quick", action="store_true", help="a tenth of the lengths")
    asked = parser.parse_args()
    scale = 0.1 if asked.quick else 1.0
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    with surroundings() as around:
        figures = {name: measures[name](around, scale) for name in asked.measure or measures}
    keep("audio", taken_with, figures)


if __name__ == "__main__":
    main()
