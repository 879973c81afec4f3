"""The process that is measured: blocks of sessions, by the pipeline and by the floor in turn.

`python -m benchmarks.overhead.worker --blocks 12 --sessions 10 --warm 5`, on the environment;
a line of JSON for each block. What is measured of a block is its processing alone: recordings are
stored and sessions begun before.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psutil

from benchmarks.overhead.floor import Floor
from pipeline import intake, log_lines
from pipeline.process import Delivery, process_session
from pipeline.services import Services
from pipeline.settings import Settings

TALK = Path(__file__).parents[2] / "samples" / "sample.ogg"
"""89 seconds of speech, 24 kbit/s Opus."""
LEARNERS = 20
WAYS = ("pipeline", "floor", "bare")
"""The floor makes the same pass over the audio; the bare one sends the file as it came."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one session took, in milliseconds, as a mean over its block."""

    wall: float
    own: float
    """Processor time of this process."""
    whole: float
    """The same with its children."""


def measured(work: Callable[[], None], *, sessions: int) -> Cost:
    """Do it, and take its cost."""
    gc.collect()
    wall, own, whole = time.perf_counter(), time.process_time(), _children_seconds()
    work()
    own, whole = time.process_time() - own, _children_seconds() - whole
    wall = time.perf_counter() - wall
    return Cost(*(1000 * each / sessions for each in (wall, own, own + whole)))


def _children_seconds() -> float:
    """Processor time of all children, living and reaped; theirs is known to 10 ms each."""
    reaped = os.times()
    spent = reaped.children_user + reaped.children_system
    for child in psutil.Process().children(recursive=True):
        spent += sum(child.cpu_times()[:4])
    return spent


class Ways:
    """The ways to process a block, and what each needs beforehand."""

    def __init__(self, services: Services, floor: Floor | None = None) -> None:
        self._services = services
        self._floor = floor
        self._talk = TALK.read_bytes()

    def prepare(self, way: str, sessions: int) -> Callable[[], None]:
        """Store so many recordings; what comes back processes them."""
        floor = self._floor
        if floor is None or way == "pipeline":
            session_ids = [self._uploaded(place) for place in range(sessions)]

            def deliver() -> None:
                for session_id in session_ids:
                    process_session(self._services, Delivery(session_id, None, 0))

            return deliver
        keys = [self._stored() for _ in range(sessions)]

        def process() -> None:
            for key in keys:
                floor.process(key, with_audio=way == "floor")

        return process

    def _uploaded(self, place: int) -> UUID:
        learner = f"learner-{place % LEARNERS}"
        return intake.upload(
            self._services, audio=io.BytesIO(self._talk), user_id=learner
        ).session_id

    def _stored(self) -> str:
        key = f"floor/{uuid4()}"
        self._services.storage.put(key, io.BytesIO(self._talk), content_type="audio/ogg")
        return key


def main() -> None:
    """Measure, and write a line for each block."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.worker")
    parser.add_argument("--blocks", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True, help="in each block")
    parser.add_argument("--warm", type=int, required=True, help="sessions of each way before")
    asked = parser.parse_args()
    settings = Settings()
    services = Services(settings)
    with (
        Path(os.devnull).open("w") as nowhere,
        tempfile.TemporaryDirectory(prefix="rostrum-floor-") as folder,
    ):
        # Lines are made as in production, and read by nobody.
        with redirect_stderr(nowhere):
            log_lines.configure()
        floor = Floor.on(settings, Path(folder))
        ways = Ways(services, floor)
        for way in WAYS:
            ways.prepare(way, asked.warm)()
        for block in range(asked.blocks):
            # In turn, and each one as often before the others as behind them.
            turn = WAYS if block % 2 == 0 else WAYS[::-1]
            costs = {
                way: asdict(measured(ways.prepare(way, asked.sessions), sessions=asked.sessions))
                for way in turn
            }
            sys.stdout.write(json.dumps(costs) + "\n")
            sys.stdout.flush()
        floor.close()
    services.close()


if __name__ == "__main__":
    main()
