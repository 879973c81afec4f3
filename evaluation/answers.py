"""The golden talks through the very client and proof that the pipeline uses."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from evaluation.golden import Case
from pipeline.analyze.client import Analyst
from pipeline.analyze.judgement import judge
from pipeline.errors import RostrumError
from pipeline.finding import Judgement

AT_ONCE = 4
TRIES = 3
LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one case."""

    case: Case
    judgement: Judgement | None
    """None: the analysis failed."""
    failure: str | None
    """Its code."""
    seconds: float
    """Of the try that counts, repair round included."""


def answer_all(analyst: Analyst, cases: Iterable[Case]) -> tuple[Answered, ...]:
    """Every case answered, in order, a few at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(lambda case: _answer(analyst, case), cases))


def _answer(analyst: Analyst, case: Case) -> Answered:
    """One case; what may pass is tried again, as the queue would."""
    tries = 0
    while True:
        begun = time.perf_counter()
        try:
            reading = analyst.analyze(case.transcript)
        except RostrumError as error:
            tries += 1
            if not error.retryable or tries == TRIES:
                return Answered(case, None, error.code, time.perf_counter() - begun)
            time.sleep(min(error.retry_after or 1.0, LONGEST_WAIT_SECONDS))
        else:
            seconds = time.perf_counter() - begun
            return Answered(case, judge(reading, case.transcript), None, seconds)
