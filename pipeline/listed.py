"""The list of sessions as staff read it: frozen values, one line a session.

Times are in UTC; shares are 0–1. Nothing that was said stands in a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pipeline.criteria import ReviewNeed
from pipeline.session import Failure
from pipeline.status import Stage, Status


class AudioState(StrEnum):
    """Where the recording is."""

    NONE = "none"
    """Announced or not: none was uploaded."""
    HELD = "held"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One line of the list; the figures are of the run whose results are shown."""

    id: UUID
    user_id: str
    title: str | None
    language: str
    source: str
    """Who sent it: `app` or `test`."""
    is_rerun: bool
    """Its newest run is not the first."""
    status: Status
    stage: Stage | None
    status_changed_at: datetime
    created_at: datetime
    duration_seconds: float | None
    attempts: int
    """Of the newest run."""
    error: Failure | None
    audio: AudioState
    uploaded_at: datetime | None
    audio_deleted_at: datetime | None
    assigned_to: str | None
    review: ReviewNeed | None
    """None: there is no result that could be reviewed."""
    words: int | None
    """This and all below: None before there is a result."""
    words_per_minute: float | None
    suspect_share: float | None
    evidence_share: float | None
    """None, too, where the model quoted nothing."""
    high: int | None
    medium: int | None
    low: int | None
    model: str | None
    prompt_version: str | None
    cost_usd: Decimal | None
    """None, too, where the model's price is unknown."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of the list, newest first."""

    sessions: tuple[ListedSession, ...]
    next_before: UUID | None
    """Where the next page begins; None: this is the last."""
    matching: int
    """How many sessions match, as far as was counted."""
    is_counted_whole: bool
    """False: more match than were counted."""
    moving: Mapping[Status, int]
    """Of all sessions, those that something is still to happen to by itself, by status."""


@dataclass(frozen=True, slots=True)
class News:
    """What has happened since a page was drawn."""

    arrived: int
    """Newer sessions that match, as far as was counted."""
    changed: int
    """Sessions of the page that stand elsewhere now, or are gone."""
    moving: Mapping[Status, int]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The sessions before and after one in the list."""

    newer: UUID | None
    older: UUID | None


@dataclass(frozen=True, slots=True)
class Offered:
    """What is in use, for the filters to offer; each in alphabetical order."""

    error_codes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    prompt_versions: tuple[str, ...] = ()
    pattern_keys: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """People to whom a session is assigned, or who reviewed one."""
