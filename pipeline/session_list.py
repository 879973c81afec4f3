"""The list of sessions, as staff search it: pages, counts, neighbours, and what is new."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pipeline.criteria import Criteria
from pipeline.database import listing
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.listed import ListedPage, Neighbours, News, Offered
from pipeline.services import Services
from pipeline.status import Stage, Status

MOST = 10_000
"""Counting stops there, and so does an action on all that match."""
MOST_WITH_WORDS = 1_000
"""The same where transcripts are searched: each that holds common words has to be read."""
MOST_NEWS = 99


def this_moment() -> UUID:
    """An id that is newer than those of all sessions so far: a list until it holds still."""
    return new_id()


def page(
    services: Services,
    criteria: Criteria,
    *,
    until: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> ListedPage:
    """One page of the sessions that match, newest first, and how many match in all.

    Nothing newer than `until` is listed or counted; `before` is where the page before this one
    said that the next begins.
    """
    now, most = services.now(), _most(criteria)
    with transaction(services.engine) as db:
        rows = listing.lines(db, criteria, before=before or until, limit=limit + 1, now=now)
        counted = listing.count(db, criteria, before=until, most=most + 1, now=now)
        moving = listing.moving(db)
    shown = rows[:limit]
    return ListedPage(
        sessions=tuple(shown),
        next_before=shown[-1].id if len(rows) > limit else None,
        matching=min(counted, most),
        is_counted_whole=counted <= most,
        moving=moving,
    )


def _most(criteria: Criteria) -> int:
    return MOST_WITH_WORDS if criteria.words else MOST


def matching_ids(
    services: Services, criteria: Criteria, *, until: UUID | None = None
) -> tuple[UUID, ...]:
    """All that match, newest first, as far as `page` counts: what an action on all is about."""
    now, most = services.now(), _most(criteria)
    with transaction(services.engine) as db:
        return tuple(listing.ids(db, criteria, before=until, limit=most, now=now))


def neighbours(services: Services, session_id: UUID, criteria: Criteria) -> Neighbours:
    """The next newer and the next older session that match; the one itself need not."""
    now = services.now()
    with transaction(services.engine) as db:
        return Neighbours(
            newer=listing.newer(db, criteria, session_id, now=now),
            older=listing.older(db, criteria, session_id, now=now),
        )


def news(
    services: Services,
    criteria: Criteria,
    *,
    since: UUID,
    drawn: Mapping[UUID, tuple[Status, Stage | None]],
) -> News:
    """What has come since `since`, and how many of those drawn stand elsewhere now."""
    with transaction(services.engine) as db:
        stand = listing.standing(db, list(drawn))
        return News(
            arrived=listing.count(db, criteria, after=since, most=MOST_NEWS, now=services.now()),
            changed=sum(stand.get(session_id) != stood for session_id, stood in drawn.items()),
            moving=listing.moving(db),
        )


def offered(services: Services) -> Offered:
    """What the filters can offer."""
    with transaction(services.engine) as db:
        return listing.offered(db)
