"""Which sessions there are: who spoke when, and what became of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.errors import (
    AnalysisInvalid,
    AnalysisUnavailable,
    AudioNotDeleted,
    NoSpeech,
    RateLimited,
    RostrumError,
    TimedOut,
    TranscriptionRejected,
    TranscriptionUnavailable,
    Unforeseen,
    UnsupportedAudio,
)
from pipeline.status import Stage, Status
from seeding.people import PEOPLE, Person

COHORT = 400
"""Sessions of the twenty people; more are the same people again, with another fate each time."""
HALF_A_YEAR = timedelta(days=182)
WORKING_HOURS = (7, 8, 9, 9, 10, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a session."""

    status: Status
    stage: Stage | None = None
    """Where it stands, or failed."""
    error: type[RostrumError] | None = None
    attempts: int = 1
    retries_at: timedelta | None = None
    """The queue tries again so long after the last failure."""
    age: timedelta | None = None
    """How long ago it came; None: some time in the half year."""
    is_stuck: bool = False
    """Nobody works on it any more, and nothing was told to."""


DONE = Fate(Status.COMPLETED)
SECOND_TRY = Fate(Status.COMPLETED, attempts=2, error=TranscriptionUnavailable)
FATES: Sequence[tuple[float, Fate]] = (
    (88.0, DONE),
    (4.5, SECOND_TRY),
    (2.2, Fate(Status.FAILED, Stage.TRANSCRIBING, NoSpeech)),
    (1.2, Fate(Status.FAILED, Stage.TRANSCRIBING, UnsupportedAudio)),
    (1.0, Fate(Status.FAILED, Stage.TRANSCRIBING, TranscriptionUnavailable, attempts=4)),
    (0.9, Fate(Status.FAILED, Stage.ANALYZING, AnalysisInvalid)),
    (0.7, Fate(Status.FAILED, Stage.ANALYZING, AnalysisUnavailable, attempts=4)),
    (0.6, Fate(Status.FAILED, Stage.ANALYZING, RateLimited, attempts=4)),
    (0.4, Fate(Status.FAILED, Stage.TRANSCRIBING, TimedOut, attempts=4)),
    (0.3, Fate(Status.FAILED, Stage.TRANSCRIBING, TranscriptionRejected)),
    (0.2, Fate(Status.FAILED, Stage.STORING, Unforeseen, attempts=4)),
)
"""Percent of the sessions that are over."""


def _ago(**by: float) -> timedelta:
    return timedelta(**by)


TODAY: Sequence[Fate] = (
    Fate(Status.UPLOADED, age=_ago(seconds=8)),
    Fate(Status.PROCESSING, Stage.TRANSCRIBING, age=_ago(seconds=25)),
    Fate(Status.PROCESSING, Stage.ANALYZING, age=_ago(seconds=40)),
    Fate(Status.FAILED, Stage.TRANSCRIBING, NoSpeech, age=_ago(hours=2)),
    Fate(Status.UPLOADED, age=_ago(minutes=3)),
    Fate(
        Status.FAILED,
        Stage.ANALYZING,
        RateLimited,
        attempts=2,
        retries_at=_ago(minutes=10),
        age=_ago(minutes=4),
    ),
    Fate(Status.PROCESSING, Stage.TRANSCRIBING, age=_ago(minutes=55), is_stuck=True),
    Fate(Status.UPLOADED, age=_ago(hours=3), is_stuck=True),
    Fate(Status.FAILED, Stage.TRANSCRIBING, UnsupportedAudio, age=_ago(hours=5)),
    Fate(Status.CREATED, age=_ago(minutes=20)),
    Fate(
        Status.FAILED,
        Stage.TRANSCRIBING,
        TranscriptionUnavailable,
        attempts=4,
        age=_ago(hours=7),
    ),
    Fate(Status.FAILED, Stage.DELETING_AUDIO, AudioNotDeleted, attempts=4, age=_ago(hours=9)),
    Fate(Status.FAILED, Stage.ANALYZING, AnalysisInvalid, age=_ago(hours=11)),
)
"""What is going on when one looks: the last session of each of the first people."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One session as it is planned."""

    person: Person
    copy: int
    """Which of the people's copies: 0 is the person themselves."""
    step: int
    """Which of their sessions, from 0."""
    steps: int
    at: datetime
    fate: Fate

    @property
    def progress(self) -> float:
        """How far through the half year, 0–1."""
        return self.step / max(1, self.steps - 1)


def visits(sessions: int, *, until: datetime, seed: int) -> list[Visit]:
    """So many sessions, the oldest first."""
    planned: list[Visit] = []
    for copy, begin in enumerate(range(0, sessions, COHORT)):
        size = min(COHORT, sessions - begin)
        for index, (person, steps) in enumerate(zip(PEOPLE, _shares(size), strict=True)):
            chance = random.Random(f"{seed} {copy} {person.name}")  # noqa: S311 - the same each time
            times = sorted(_times(steps, until, chance))
            for step, at in enumerate(times):
                fate = _fate(copy, index, is_last=step == steps - 1, chance=chance)
                came = at if fate.age is None else until - fate.age
                planned.append(Visit(person, copy, step, steps, came, fate))
    return sorted(planned, key=lambda visit: (visit.at, visit.person.name, visit.copy))


def _shares(sessions: int) -> list[int]:
    """The sessions divided among the people, so that their sum is right."""
    whole = sum(person.share for person in PEOPLE)
    ends, before, shares = 0.0, 0, []
    for person in PEOPLE:
        ends += sessions * person.share / whole
        shares.append(round(ends) - before)
        before = round(ends)
    return shares


def _times(steps: int, until: datetime, chance: random.Random) -> Iterator[datetime]:
    """Spread over the half year, mostly in working hours of working days, none of today."""
    for step in range(steps):
        passed = HALF_A_YEAR * ((step + chance.random()) / steps)
        day = (until - HALF_A_YEAR + passed).replace(hour=0, minute=0, second=0, microsecond=0)
        if day.weekday() >= SATURDAY and chance.random() < 0.7:  # noqa: PLR2004 - most rest
            day -= timedelta(days=day.weekday() - SATURDAY + 1)
        day = min(day, until - timedelta(days=1, hours=24))
        yield day + timedelta(
            hours=chance.choice(WORKING_HOURS),
            minutes=chance.randrange(60),
            milliseconds=chance.randrange(60_000),
        )


def _fate(copy: int, index: int, *, is_last: bool, chance: random.Random) -> Fate:
    weights, fates = zip(*FATES, strict=True)
    fate: Fate = chance.choices(fates, weights)[0]
    if copy == 0 and is_last and index < len(TODAY):
        return TODAY[index]
    return fate
