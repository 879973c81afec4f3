"""Deep links: frozen values ⇄ query parameters. What is malformed is None, never an error."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from pipeline.status import Status
from pipeline.verdict import QueueRule, Rule

SESSION_PAGE = "views/session.py"
LEARNER_PAGE = "views/learner.py"
SESSIONS_PAGE = "views/sessions.py"
UPLOAD_PAGE = "views/upload.py"
OPERATIONS_PAGE = "views/operations.py"
REVIEW_QUEUE_PAGE = "views/review_queue.py"
QUALITY_PAGE = "views/quality.py"
LONGEST = 200
PERIODS = (30, 90, 180)
"""Days that figures may be asked for."""
SAMPLE_PERCENTS = (5, 10, 25, 50)
"""Shares of the queue that one may ask for."""


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
        user_id = st.query_params.get("id", "").strip()
        return cls(user_id) if user_id and _is_plain(user_id) else None

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        return {"id": self.user_id}


@dataclass(frozen=True, slots=True)
class SessionsLink:
    """The list, filtered."""

    status: Status | None = None
    user_id: str | None = None
    search: str | None = None

    @classmethod
    def read(cls) -> SessionsLink:
        """The filters in the address bar; what makes no sense is left out."""
        status = st.query_params.get("status")
        return cls(
            status=Status(status) if status in set(Status) else None,
            user_id=_plain_or_none("learner"),
            search=_plain_or_none("q"),
        )

    @property
    def query(self) -> dict[str, str]:
        """For the address bar."""
        held = {"status": self.status, "learner": self.user_id, "q": self.search}
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


def _plain_or_none(name: str) -> str | None:
    value = st.query_params.get(name, "").strip()
    return value if value and _is_plain(value) else None


def _is_plain(value: str) -> bool:
    return len(value) <= LONGEST and value.isprintable()
