"""How a planned session goes: its attempts, its failures, and later analyses of the same talk."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.errors import AnalysisUnavailable, RostrumError, TranscriptionUnavailable
from pipeline.status import Scope, Stage, Status, Trigger
from seeding.book import Book, Columns
from seeding.life import RETRY_SECONDS, Life
from seeding.plan import Fate, Visit
from seeding.staff import ADA, TOM

STAGES = tuple(Stage)
SECONDS = {
    Stage.DOWNLOADING: (0.3, 2.0),
    Stage.TRANSCRIBING: (6.0, 14.0),
    Stage.DELETING_AUDIO: (0.1, 0.6),
    Stage.ANALYZING: (3.5, 12.0),
    Stage.STORING: (0.03, 0.2),
}
RERUN_WITHIN_DAYS = 20
RERUN_FAILS = 0.03

Answer = Callable[[datetime], Columns]
"""The result of the talk, by the coach who is in use at that time."""


def live(
    book: Book, visit: Visit, answer: Answer, *, chance: random.Random, until: datetime, reruns: int
) -> Life:
    """Write all of a session's life but its last row: see `Life.close`."""
    fate = visit.fate
    life = Life(book, visit, answer(visit.at), chance, until)
    life.arrive()
    if fate.status in {Status.CREATED, Status.UPLOADED}:
        return life
    for attempt in range(1, fate.attempts + 1):
        _attempt(life, answer, fate, is_last=attempt == fate.attempts)
    for _ in range(reruns if life.status is Status.COMPLETED else 0):
        _rerun(life, answer)
    return life


def _attempt(life: Life, answer: Answer, fate: Fate, *, is_last: bool) -> None:
    """One delivery: through the stages, up to where it fails or stands."""
    begun = False
    for stage in STAGES[STAGES.index(_first_stage(life)) :]:
        if begun:
            life.change(Status.PROCESSING, stage)
        else:
            life.claim(stage)
            begun = True
        if _ends(fate, stage, is_last=is_last):
            if fate.error and fate.status is not Status.PROCESSING:
                life.spend(*SECONDS[stage])
                _fail(life, fate.error, fate, stage, is_last=is_last)
            return
        life.spend(*SECONDS[stage])
        _do(life, answer, stage)
    life.complete(answer(life.now))


def _first_stage(life: Life) -> Stage:
    if life.transcript_id is None:
        return Stage.DOWNLOADING
    return Stage.ANALYZING if life.audio_deleted_at else Stage.DELETING_AUDIO


def _ends(fate: Fate, stage: Stage, *, is_last: bool) -> bool:
    """Whether this attempt comes no further."""
    if fate.status is Status.COMPLETED:
        return fate.error is TranscriptionUnavailable and not is_last and stage is STAGES[1]
    return stage is fate.stage


def _do(life: Life, answer: Answer, stage: Stage) -> None:
    if stage is Stage.TRANSCRIBING:
        life.keep_transcript()
    elif stage is Stage.DELETING_AUDIO:
        life.audio_deleted_at = life.now
    elif stage is Stage.ANALYZING:
        life.keep_analysis(answer(life.now))


def _fail(
    life: Life, error: type[RostrumError], fate: Fate, stage: Stage, *, is_last: bool
) -> None:
    if is_last:
        life.fail(error, stage, retry=fate.retries_at)
        return
    wait = RETRY_SECONDS[min(life.running["attempts"], len(RETRY_SECONDS)) - 1]
    life.fail(error, stage, retry=timedelta(seconds=wait))
    life.spend(wait, wait + 2)


def _rerun(life: Life, answer: Answer) -> None:
    """Somebody has the talk analysed again, some days later."""
    later = life.now + timedelta(days=RERUN_WITHIN_DAYS * life.chance.random(), minutes=5)
    if later >= life.until - timedelta(hours=1) or life.status is not Status.COMPLETED:
        return
    life.now = later
    asking = life.chance.choice((TOM, ADA))
    life.reruns.append((life.now, asking))
    life.begin_run(Scope.ANALYSIS, Trigger.MANUAL, asking.name)
    life.hand_over()
    life.claim(Stage.ANALYZING)
    life.spend(*SECONDS[Stage.ANALYZING])
    if life.chance.random() < RERUN_FAILS:
        life.fail(AnalysisUnavailable, Stage.ANALYZING, retry=None)
        return
    columns = answer(life.now)
    life.keep_analysis(columns)
    life.change(Status.PROCESSING, Stage.STORING)
    life.spend(*SECONDS[Stage.STORING])
    life.complete(columns)
