"""The life of a session as a table: which status may follow which, and the stages of work."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a session stands."""

    CREATED = "CREATED"
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Stage(StrEnum):
    """What the worker that holds the lease is doing."""

    DOWNLOADING = "downloading"
    TRANSCRIBING = "transcribing"
    DELETING_AUDIO = "deleting_audio"
    ANALYZING = "analyzing"
    STORING = "storing"


class Scope(StrEnum):
    """How much of the work a run repeats."""

    FULL = "full"
    ANALYSIS = "analysis"


class Trigger(StrEnum):
    """Why a run exists."""

    UPLOAD = "upload"
    MANUAL = "manual"
    SWEEPER = "sweeper"


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer run was asked for while this one had failed."""


TRANSITIONS: Mapping[Status | None, frozenset[Status]] = {
    None: frozenset({Status.CREATED, Status.UPLOADED}),
    Status.CREATED: frozenset({Status.UPLOADED}),
    Status.UPLOADED: frozenset({Status.PROCESSING, Status.FAILED}),
    Status.PROCESSING: frozenset({Status.PROCESSING, Status.COMPLETED, Status.FAILED}),
    # Back to work: a retry of the queue, or a re-run that somebody asked for.
    Status.FAILED: frozenset({Status.PROCESSING, Status.FAILED}),
    Status.COMPLETED: frozenset({Status.PROCESSING}),
}


def may_follow(status: Status | None, following: Status) -> bool:
    """Whether `following` may come after `status` (None: before the session exists)."""
    return following in TRANSITIONS[status]


def sources_of(following: Status) -> frozenset[Status]:
    """The statuses that `following` may come after."""
    return frozenset(s for s, allowed in TRANSITIONS.items() if s and following in allowed)
