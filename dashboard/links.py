"""Deep links: frozen values ⇄ query parameters. What is malformed is None, never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

import streamlit as st

from pipeline.staff import AuditAction
from pipeline.status import Status

SESSION_PAGE = "views/session.py"
LEARNER_PAGE = "views/learner.py"
SESSIONS_PAGE = "views/sessions.py"
UPLOAD_PAGE = "views/upload.py"
OPERATIONS_PAGE = "views/operations.py"
AUDIT_PAGE = "views/audit.py"
LONGEST = 200

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
        user_id = st.query_params.get("id", "").strip()
        return cls(user_id) if user_id and is_plain(user_id) else None

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
            actor=_plain_or_none("actor"),
            action=AuditAction(action) if action in set(AuditAction) else None,
            session_id=_read("session", UUID),
            user_id=_plain_or_none("learner"),
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


def _read(name: str, parse: Callable[[str], _Read]) -> _Read | None:
    try:
        return parse(st.query_params.get(name, "").strip())
    except ValueError:
        return None


def _plain_or_none(name: str) -> str | None:
    value = st.query_params.get(name, "").strip()
    return value if value and is_plain(value) else None


def is_plain(value: str) -> bool:
    """Whether people can read it and our tables hold it."""
    return len(value) <= LONGEST and value.isprintable()
