"""What can be done to many sessions at once, and where such a job stands."""

from __future__ import annotations

from enum import StrEnum


class BulkAction(StrEnum):
    """What can be done to many sessions at once."""

    RERUN_ANALYSIS = "rerun_analysis"
    RERUN_FULL = "rerun_full"
    DELETE = "delete"
    ASSIGN = "assign"


class BulkState(StrEnum):
    """Where a job over many sessions stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Somebody stopped it: what was not done yet stays undone."""
    DONE = "done"
