"""Deliveries by the signed webhook, so many at once; what came of those within a window."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.load.figures import percentile
from benchmarks.load.usage import OTHERS, Watching
from benchmarks.scaling.parts import Parts
from benchmarks.scaling.stock import Waiting, stocked
from tests.world import message, signed

LEARNERS = 50
MOST_A_SECOND = 30
"""More than two cores can do: the stock never runs out."""
PATH = "/api/internal/process"


@dataclass(frozen=True, slots=True)
class Called:
    """One window."""

    backends: int
    at_once: int
    seconds: float
    milliseconds: Counter[float]
    """Of the deliveries that were answered within it."""
    processor: dict[str, float]
    """Seconds within it, by part."""
    busy: float
    """Share of all cores' time, all else on the machine included."""
    errors: tuple[str, ...]

    @property
    def a_second(self) -> float:
        """Sessions completed."""
        return self.milliseconds.total() / self.seconds

    @property
    def processor_seconds(self) -> float:
        """Of all our parts, for one session."""
        ours = sum(spent for name, spent in self.processor.items() if name != OTHERS)
        return ours / max(self.milliseconds.total(), 1)

    def wait(self, share: float) -> float:
        """Percentile of a delivery, in milliseconds."""
        return percentile(self.milliseconds, share)


class _Answers:
    """What the callers heard, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.heard: list[tuple[float, float]] = []
        """When an answer came, and how long it took, in seconds."""
        self.refused: Counter[str] = Counter()

    def note(self, began_at: float, answer: httpx2.Response) -> None:
        now = time.monotonic()
        with self._lock:
            if answer.status_code == 200 and "duplicate" not in answer.json():  # noqa: PLR2004 - HTTP's OK
                self.heard.append((now, now - began_at))
            else:
                self.refused[str(answer.status_code)] += 1


def called(parts: Parts, *, backends: int, at_once: int, seconds: float, warm: float) -> Called:
    """Call new backends in turn, `at_once` calls at any moment; the first `warm` do not count."""
    most = int((seconds + warm) * MOST_A_SECOND) + at_once
    stock = iter(stocked(parts.services, most, learners=LEARNERS))
    with parts.backends(backends, at_once=at_once) as live:
        for one in live:
            _prepared(one.log)
        answers, ending = _Answers(), threading.Event()
        turn = threading.Lock()
        callers = [
            threading.Thread(
                target=_call,
                args=(_one_by_one(stock, turn, ending), live[place % backends].url, parts, answers),
            )
            for place in range(at_once)
        ]
        for caller in callers:
            caller.start()
        time.sleep(warm)
        watching = Watching(parts.watched(live) | {"callers": os.getpid()})
        begins_at = time.monotonic()
        time.sleep(seconds)
        usage, ends_at = watching.end(), time.monotonic()
        ending.set()
        for caller in callers:
            caller.join()
    took = Counter(
        round(1000 * spent, 1) for at, spent in answers.heard if begins_at <= at < ends_at
    )
    return Called(
        backends=backends,
        at_once=at_once,
        seconds=ends_at - begins_at,
        milliseconds=took,
        processor=usage.processor_seconds,
        busy=sum(usage.processor_seconds.values()) / usage.machine_seconds,
        errors=tuple(f"{n} answers of {code}" for code, n in answers.refused.items()),
    )


def _one_by_one(
    stock: Iterator[Waiting], turn: threading.Lock, ending: threading.Event
) -> Iterator[Waiting]:
    """What is left, shared by all callers."""
    while not ending.is_set():
        with turn:
            waiting = next(stock)
        yield waiting


def _call(waiting: Iterator[Waiting], url: str, parts: Parts, answers: _Answers) -> None:
    with httpx2.Client(base_url=url, timeout=120, trust_env=False) as client:
        for one in waiting:
            body = message(one.session_id, one.run_id)
            # The address that was published, whichever process answers.
            token = signed(body, parts.settings.process_url)
            began_at = time.monotonic()
            headers = {"Upstash-Signature": token, "Upstash-Retried": "0"}
            answers.note(began_at, client.post(PATH, content=body, headers=headers))


def _prepared(log: Path) -> None:
    """Wait until a backend has loaded what deliveries need."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if '"prepared"' in log.read_text():
            return
        time.sleep(0.1)
