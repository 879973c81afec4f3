"""Deep links: frozen values ⇄ query parameters. What is malformed is None, never an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID

import streamlit as st

from pipeline.criteria import Criteria, ReviewNeed
from pipeline.speech.catalogue import PATTERNS
from pipeline.staff import AuditAction
from pipeline.status import Status
from pipeline.verdict import QueueRule, Rule

SESSION_PAGE = "views/session.py"
LEARNER_PAGE = "views/learner.py"
SESSIONS_PAGE = "views/sessions.py"
UPLOAD_PAGE = "views/upload.py"
OPERATIONS_PAGE = "views/operations.py"
AUDIT_PAGE = "views/audit.py"
REVIEW_QUEUE_PAGE = "views/review_queue.py"
QUALITY_PAGE = "views/quality.py"
LONGEST = 200
PERIODS = (30, 90, 180)
"""Days that figures may be asked for."""
SAMPLE_PERCENTS = (5, 10, 25, 50)
"""Shares of the queue that one may ask for."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class SessionLink:
    """One session."""

    session_id: UUID

    @classmethod
    def read(cls) -> SessionLink | None:
        """The link in the address bar."""
        try:
            return cls(UUID(st.query_params.get("id", "")))
        except ValueError:
            return None

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        return {"id": str(self.session_id)}


@dataclass(frozen=True, slots=True)
class LearnerLink:
    """One learner."""

    user_id: str

    @classmethod
    def read(cls) -> LearnerLink | None:
        """The link in the address bar."""
        user_id = _plain_or_none(st.query_params.get("id", "").strip())
        return cls(user_id) if user_id else None

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        return {"id": self.user_id}


@dataclass(frozen=True, slots=True)
class SessionsLink:
    """The list, filtered: the names and values as the address bar holds them, all sensible."""

    query: Mapping[str, str]

    @classmethod
    def read(cls) -> SessionsLink:
        """The filters in the address bar; what makes no sense is left out."""
        return cls.of(st.query_params.to_dict())

    @classmethod
    def of(cls, given: Mapping[str, str]) -> SessionsLink:
        """Of values that may be anything."""
        read = {name: accept(given.get(name, "").strip()) for name, accept in _FILTERS.items()}
        return cls({name: value for name, value in read.items() if value})

    def criteria(self, *, me: str, now: datetime) -> Criteria:
        """What is asked for; `me` is whom the reviewer `me` means, and days are those of UTC."""
        held = self.query
        return Criteria(
            status=Status(held["status"]) if "status" in held else None,
            error_code=held.get("error"),
            created_from=_midnight(held.get("from"), now),
            created_until=_midnight(held.get("until"), now, days_later=1),
            user_id=held.get("learner"),
            source=held.get("source"),
            review=ReviewNeed(held["review"]) if "review" in held else None,
            reviewer=me if held.get("reviewer") == ME else held.get("reviewer"),
            category=held.get("category"),
            pattern_key=held.get("pattern"),
            severity=held.get("severity"),
            model=held.get("model"),
            prompt_version=held.get("prompt"),
            suspect_above=_share(held.get("suspect")),
            evidence_below=_share(held.get("evidence")),
            audio_held="audio" in held,
            stuck="stuck" in held,
            words=held.get("words"),
            search=held.get("q"),
        )


ME = "me"
"""The reviewer who looks: names stay out of the address bar where they can."""
TODAY = "today"
SOURCES = ("app", "test")
SEVERITIES = ("high", "medium", "low")
CATEGORIES = tuple(sorted({pattern.category for pattern in PATTERNS.values()}))


@dataclass(frozen=True, slots=True)
class AuditLink:
    """The audit, filtered."""

    actor: str | None = None
    action: AuditAction | None = None
    session_id: UUID | None = None
    user_id: str | None = None
    since: date | None = None
    """From the beginning of this day, in UTC."""
    until: date | None = None
    """To the end of this day, in UTC."""

    @classmethod
    def read(cls) -> AuditLink:
        """The filters in the address bar; what makes no sense is left out."""
        action = st.query_params.get("action")
        return cls(
            actor=_plain_or_none(st.query_params.get("actor", "").strip()),
            action=AuditAction(action) if action in set(AuditAction) else None,
            session_id=_read("session", UUID),
            user_id=_plain_or_none(st.query_params.get("learner", "").strip()),
            since=_read("since", date.fromisoformat),
            until=_read("until", date.fromisoformat),
        )

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        held = {
            "actor": self.actor,
            "action": self.action,
            "session": self.session_id,
            "learner": self.user_id,
            "since": self.since,
            "until": self.until,
        }
        return {name: str(value) for name, value in held.items() if value}


@dataclass(frozen=True, slots=True)
class ReviewQueueLink:
    """The review queue under a rule."""

    rule: Rule

    @classmethod
    def read(cls) -> ReviewQueueLink:
        """The rule in the address bar; what makes no sense is left out."""
        kind = st.query_params.get("rule")
        percent = st.query_params.get("percent", "")
        usual = Rule()
        return cls(
            Rule(
                QueueRule(kind) if kind in set(QueueRule) else usual.kind,
                int(percent) if percent in map(str, SAMPLE_PERCENTS) else usual.percent,
            )
        )

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        if self.rule.kind is QueueRule.ALL:
            return {}
        if self.rule.kind is not QueueRule.SAMPLE:
            return {"rule": self.rule.kind}
        return {"rule": self.rule.kind, "percent": str(self.rule.percent)}


@dataclass(frozen=True, slots=True)
class QualityLink:
    """The quality page over a period."""

    days: int = 90

    @classmethod
    def read(cls) -> QualityLink:
        """The period in the address bar, the usual one where that makes no sense."""
        days = st.query_params.get("days", "")
        return cls(int(days)) if days in map(str, PERIODS) else cls()

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        return {"days": str(self.days)}


def _read(name: str, parse: Callable[[str], _Read]) -> _Read | None:
    try:
        return parse(st.query_params.get(name, "").strip())
    except ValueError:
        return None


def _midnight(day: str | None, now: datetime, *, days_later: int = 0) -> datetime | None:
    if day is None:
        return None
    first = now.astimezone(UTC).date() if day == TODAY else date.fromisoformat(day)
    return datetime.combine(first, time(), UTC) + timedelta(days=days_later)


def _share(percent: str | None) -> float | None:
    return None if percent is None else int(percent) / 100


def _plain_or_none(value: str) -> str | None:
    return value if value and is_plain(value) else None


def _one_of(values: Iterable[str]) -> Callable[[str], str | None]:
    known = frozenset(values)
    return lambda value: value if value in known else None


def _percent(value: str) -> str | None:
    digits = value.isascii() and value.isdigit() and len(value) <= len("100")
    return str(int(value)) if digits and int(value) <= 100 else None  # noqa: PLR2004 - a percentage


def _day(value: str) -> str | None:
    """A day on which, and on whose morrow, a calendar of ours still ends."""
    try:
        year = date.fromisoformat(value).year
    except ValueError:
        return TODAY if value == TODAY else None
    return value if date.min.year < year < date.max.year else None


_FILTERS: Mapping[str, Callable[[str], str | None]] = {
    "status": _one_of(Status),
    "error": _plain_or_none,
    "from": _day,
    "until": _day,
    "learner": _plain_or_none,
    "source": _one_of(SOURCES),
    "review": _one_of(ReviewNeed),
    "reviewer": _plain_or_none,
    "category": _one_of(CATEGORIES),
    "pattern": _plain_or_none,
    "severity": _one_of(SEVERITIES),
    "model": _plain_or_none,
    "prompt": _plain_or_none,
    "suspect": _percent,
    "evidence": _percent,
    "audio": _one_of(["held"]),
    "stuck": _one_of(["yes"]),
    "words": _plain_or_none,
    "q": _plain_or_none,
}
"""Name in the address bar → the value as it is understood, or None: left out."""


def is_plain(value: str) -> bool:
    """Whether people can read it and our tables hold it."""
    return len(value) <= LONGEST and value.isprintable()
