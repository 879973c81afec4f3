"""Letting go: recordings, words and sessions whose time is up, or whose learner does not agree.

The sweeper asks for all of it; whoever gives a run up lets its recording go at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import takewhile
from typing import TypeVar
from uuid import UUID

from pipeline import removal
from pipeline.database import operations, sessions
from pipeline.database import retention as kept
from pipeline.database.engine import transaction
from pipeline.database.operations import Held
from pipeline.errors import NotFound, RostrumError, StorageUnavailable
from pipeline.publication import publish
from pipeline.services import Services

AT_MOST = 100
"""Sessions, and recordings, that one sweep touches of each kind."""
KIND_SECONDS = 10.0
"""Nothing more of a kind is begun after that: a vendor that hangs must not hold up the rest."""

T = TypeVar("T")

log = logging.getLogger(__name__)


def in_time(items: Iterable[T]) -> Iterator[T]:
    """Those that can be begun in the time of one kind; the next sweep takes the rest."""
    ends_at = time.monotonic() + KIND_SECONDS
    return takewhile(lambda _: time.monotonic() < ends_at, items)


def delete_overdue_audio(services: Services) -> tuple[int, int]:
    """How many recordings past their purpose went, and how many could not.

    Raises:
        DatabaseUnavailable: nothing more can be done.
    """
    hours = timedelta(hours=services.settings.audio_retention_hours)
    with transaction(services.engine) as db:
        overdue = operations.overdue_audio(db, now=services.now(), retention=hours, limit=AT_MOST)
    gone = delete_objects(services, overdue)
    for held in gone:
        _settle_deletion(services, held.session_id)
    return len(gone), len(overdue) - len(gone)


def let_audio_go(services: Services, session_id: UUID) -> None:
    """Delete the recording of a run that was just given up, where its learner wants it so.

    What cannot be done now is overdue, and the sweeper's.
    """
    try:
        with transaction(services.engine) as db:
            key = kept.refused_audio(db, session_id)
        if key is not None and is_deleted(services, key):
            _settle_deletion(services, session_id)
    except RostrumError as error:
        log.warning("audio_not_let_go", extra={"code": error.code})


def _settle_deletion(services: Services, session_id: UUID) -> None:
    """Stamp the deletion; a session that waited only for it gets a run that completes it."""
    with transaction(services.engine) as db:
        sessions.stamp_audio_deleted(db, session_id, now=services.now())
        run_id = operations.reopen_after_deletion(db, session_id)
    if run_id is not None:
        publish(services, run_id)


def delete_objects(services: Services, held: Iterable[Held]) -> list[Held]:
    """Those whose recording is gone now."""
    return [one for one in in_time(held) if is_deleted(services, one.audio_key)]


def is_deleted(services: Services, key: str) -> bool:
    """Delete an object; False where that is not possible now."""
    try:
        services.storage.delete(key)
    except StorageUnavailable as error:
        log.warning("audio_not_deleted", extra={"code": error.code})
        return False
    return True


def remove_words(services: Services) -> int:
    """From how many finished sessions the words went: refused, or older than they may become.

    Raises:
        DatabaseUnavailable: nothing more can be done.
    """
    days = services.settings.transcript_retention_days
    before = services.now() - timedelta(days=days) if days is not None else None
    with transaction(services.engine) as db:
        due = kept.refused_words(db, limit=AT_MOST)
        if before is not None:
            due += kept.old_words(db, before=before, limit=AT_MOST)
    removed = 0
    for session_id in in_time(due):
        with transaction(services.engine) as db:
            because = kept.settle(db, session_id, before=before, now=services.now())
        if because is not None:
            removed += 1
            log.info("words_removed", extra={"session": str(session_id), "because": because})
    return removed


def delete_old_sessions(services: Services) -> tuple[int, int]:
    """How many finished sessions were deleted since their time was up, and how many could not.

    Raises:
        DatabaseUnavailable: nothing more can be done.
    """
    days = services.settings.session_retention_days
    if days is None:
        return 0, 0
    before = services.now() - timedelta(days=days)
    with transaction(services.engine) as db:
        due = kept.old_sessions(db, before=before, limit=AT_MOST)
    gone = sum(_is_session_deleted(services, session_id) for session_id in in_time(due))
    return gone, len(due) - gone


def _is_session_deleted(services: Services, session_id: UUID) -> bool:
    """Delete a session whole; False where that is not possible now."""
    try:
        removal.delete_session(services, session_id)
    except NotFound:
        # Somebody was faster.
        return True
    except StorageUnavailable as error:
        log.warning("session_not_deleted", extra={"code": error.code})
        return False
    log.info("session_outlived", extra={"session": str(session_id)})
    return True
