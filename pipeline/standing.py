"""A learner as staff see them: frozen values, which the Learner page draws from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.consent import Held
from pipeline.focus import FollowUp, Spoken, follow_up
from pipeline.progress import FEWEST_SESSIONS
from pipeline.session import Example, PatternStanding, Profile, SessionRow


@dataclass(frozen=True, slots=True)
class LearnerFound:
    """One learner of a search."""

    user_id: str
    last_session_at: datetime | None
    """None: nothing was ever recorded, or all of it was deleted."""


@dataclass(frozen=True, slots=True)
class PatternCourse:
    """A pattern over all sessions, and how it went in the newest."""

    standing: PatternStanding
    rates: tuple[float, ...]
    """Per 1,000 words in each of the newest sessions, oldest first; none below three sessions."""


@dataclass(frozen=True, slots=True)
class FocusSet:
    """A focus, and what became of it in the talk after."""

    session_id: UUID
    at: datetime
    focus: str
    became: FollowUp | None
    """None where it cannot be told."""
    is_newest: bool
    """The talk in which it can show is still to come."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where one session shows a pattern."""

    session_id: UUID
    title: str | None
    at: datetime
    quotes: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class LearnerStanding:
    """Everything that is shown of one learner."""

    profile: Profile
    patterns: tuple[PatternCourse, ...]
    """As in the profile: most widespread first."""
    newest: int
    """So many completed sessions are what rates, trends and focuses look at."""
    focuses: tuple[FocusSet, ...]
    """Newest first."""
    sessions_held: int
    """Of every status."""
    recordings_held: int
    """Audio that may still be stored."""
    held: Held
    """What the learner agrees to."""
    sessions: tuple[SessionRow, ...]
    """The newest, of every status."""


def courses(profile: Profile, recent: Sequence[Spoken]) -> tuple[PatternCourse, ...]:
    """Each pattern with its rates; `recent` newest first."""
    heard = [spoken for spoken in reversed(recent) if spoken.words]
    shown = heard if profile.sessions_total >= FEWEST_SESSIONS else []
    return tuple(
        PatternCourse(
            pattern,
            tuple(
                round(1000 * spoken.occurrences.get(pattern.pattern_key, 0.0) / spoken.words, 1)
                for spoken in shown
            ),
        )
        for pattern in profile.patterns
    )


def focuses_set(recent: Sequence[Spoken]) -> tuple[FocusSet, ...]:
    """Every focus of these sessions; `recent` newest first, as is the answer."""
    followed = [None, *recent]
    return tuple(
        FocusSet(
            spoken.session_id,
            spoken.at,
            spoken.focus,
            became=follow_up(spoken, after) if after else None,
            is_newest=after is None,
        )
        for after, spoken in zip(followed, recent, strict=False)
        if spoken.focus.strip()
    )
