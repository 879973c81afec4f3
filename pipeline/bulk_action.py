"""What can be done to many sessions at once, and where such a job stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pipeline.staff import Role


class BulkAction(StrEnum):
    """What can be done to many sessions at once."""

    RERUN_ANALYSIS = "rerun_analysis"
    RERUN_FULL = "rerun_full"
    RETRY = "retry"
    """Of sessions that failed: the analysis where there is a transcript, else the whole."""
    DELETE = "delete"
    ASSIGN = "assign"

    @property
    def needs(self) -> Role:
        """Who may ask for it: as for a single session."""
        return Role.ADMIN if self is BulkAction.DELETE else Role.QA


class BulkState(StrEnum):
    """Where a job over many sessions stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Somebody stopped it: what was not done yet stays undone."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """A job over many sessions, and how far it is."""

    id: UUID
    action: BulkAction
    argument: str | None
    """Whom to assign to."""
    reason: str
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    state: BulkState
    is_resting: bool
    """It runs, and nobody works on it now: the next sweep goes on."""
    total: int
    done: int
    refused: Mapping[str, int]
    """Code → how many sessions it kept from being done, most frequent first."""

    @property
    def settled(self) -> int:
        """How many need no more work: done or refused."""
        return self.done + sum(self.refused.values())
