"""The audit as people read it: one entry, and which entries are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.staff import AuditAction, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which session, when and why."""

    id: int
    at: datetime
    actor: str
    role: Role
    """Theirs at that moment."""
    action: AuditAction
    session_id: UUID | None
    """It may be gone by now: it is named, not referred to."""
    learner_id: str | None
    """Whose session it was, or whom it was done to as a whole."""
    reason: str | None
    detail: Mapping[str, Any]
    """Ids, names of fields and codes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are meant: all that are set must hold. Nothing set: every entry."""

    actor: str | None = None
    action: AuditAction | None = None
    session_id: UUID | None = None
    learner_id: str | None = None
    since: datetime | None = None
    """This moment or later."""
    until: datetime | None = None
    """Before this moment."""
