"""What is measured: the doors of `pipeline` through which work is done and pages are read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from sqlalchemy import select

from benchmarks.growth import arrivals
from benchmarks.growth.filling import BUSY, FEW, MANY, RARE_TITLE, RARE_WORD, RETENTION_DAYS
from pipeline import (
    audit_trail,
    backlog,
    consenting,
    figures,
    intake,
    learner,
    quality,
    removal,
    retention,
    review,
    reviewing,
    session_list,
)
from pipeline.audit_entry import Wanted
from pipeline.criteria import Criteria, ReviewNeed
from pipeline.database import leases
from pipeline.database.engine import transaction
from pipeline.database.models import SpeakingSession
from pipeline.process import Delivery, process_session
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Status
from pipeline.sweep import sweep
from pipeline.verdict import QueueRule, Rule
from pipeline.workload import Window
from tests.talks import tone

S = SpeakingSession
ADMIN = Staff("coach-1", Role.ADMIN)
OUTLIVED_DAYS = 1_200
"""Older than the longest history."""

Work = Callable[[Services], object]


@dataclass(frozen=True, slots=True)
class Door:
    """One thing that people or the queue ask for."""

    name: str
    ready: Callable[[], Work]
    """Makes what a round needs, unmeasured; what comes back is the round."""
    full_at: int = 0
    """The size from which on it looks at as much as it may at the most: a window of time, or a
    number of failures. Below, it looks at all there is."""


class Doors:
    """All of them, on one history."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._template = self._delivered()
        with transaction(services.engine) as db:
            ids = select(S.id).where(
                S.status == Status.COMPLETED, S.transcript_removed_at.is_(None)
            )
            newest = ids.order_by(S.id.desc()).offset(3).limit(1)
            self._of_few = db.scalars(newest.where(S.learner_id == FEW)).one()
            self._of_many = db.scalars(newest.where(S.learner_id == MANY)).one()
            first, last = (
                db.scalars(select(S.created_at).order_by(by).limit(1)).one()
                for by in (S.created_at, S.created_at.desc())
            )
            self._deep_at = first + (last - first) / 10
            deep = select(S.id).where(S.created_at >= self._deep_at).order_by(S.created_at)
            self._deep = db.scalars(deep.limit(1)).one()

    def _delivered(self) -> UUID:
        """A session that went all the way, whose results are what others wait with."""
        uploaded = intake.upload(self._services, audio=io.BytesIO(tone()), user_id="learner-0")
        process_session(self._services, Delivery(uploaded.session_id, None, 0))
        return uploaded.session_id

    def all(self) -> Iterator[Door]:
        """In the order of the tables."""
        yield from self._working()
        yield from self._sweeping()
        yield from self._listing()
        yield from self._reading()
        yield from self._operating()

    def _working(self) -> Iterator[Door]:
        yield Door("upload", lambda: partial(_upload, tone()))
        yield Door("claim", lambda: partial(_claim, self._waiting(BUSY)))
        for name, whose in (("few", BUSY), ("2,000", MANY)):
            yield Door(
                f"claim and complete, learner with {name} sessions",
                partial(self._ready_to_complete, whose),
            )
        yield Door("delete a session", self._ready_to_delete)

    def _waiting(self, whose: str) -> UUID:
        found = arrivals.waiting(self._services, whose, template=self._template, number=1)
        return found[0]

    def _ready_to_complete(self, whose: str) -> Work:
        delivery = Delivery(self._waiting(whose), None, 0)
        return lambda services: process_session(services, delivery)

    def _ready_to_delete(self) -> Work:
        session_id = self._waiting(BUSY)
        process_session(self._services, Delivery(session_id, None, 0))
        return lambda services: removal.delete_session(services, session_id)

    def _sweeping(self) -> Iterator[Door]:
        def left() -> Work:
            arrivals.left_behind(self._services, BUSY)
            return sweep

        def outlived(days: int, work: Work) -> Work:
            arrivals.outlived(self._services, BUSY, days=days)
            return work

        yield Door("sweep", left)
        yield Door(
            "retention: words", partial(outlived, RETENTION_DAYS + 1, retention.remove_words)
        )
        yield Door(
            "retention: sessions",
            partial(outlived, OUTLIVED_DAYS, retention.delete_old_sessions),
        )

    def _listing(self) -> Iterator[Door]:
        yield Door("list", lambda: _page(Criteria()))
        yield Door("list, nine tenths down", lambda: _page(Criteria(), before=self._deep))
        week = timedelta(days=7)
        for name, criteria in {
            "completed": Criteria(status=Status.COMPLETED),
            "failed": Criteria(status=Status.FAILED),
            "failed today": Criteria(
                status=Status.FAILED, created_from=self._services.now() - timedelta(days=1)
            ),
            "error code": Criteria(error_code="NO_SPEECH"),
            "a day long ago": Criteria(
                created_from=self._deep_at, created_until=self._deep_at + timedelta(hours=2)
            ),
            "since a week": Criteria(created_from=self._services.now() - week),
            "learner with few": Criteria(user_id=FEW),
            "learner with 2,000": Criteria(user_id=MANY),
            "test uploads": Criteria(source="test"),
            "review needed": Criteria(review=ReviewNeed.NEEDED),
            "review in hand": Criteria(review=ReviewNeed.IN_HAND),
            "review done": Criteria(review=ReviewNeed.DONE),
            "reviewer": Criteria(reviewer="coach-1"),
            "reviewer of none": Criteria(reviewer="nobody"),
            "category": Criteria(category="structure"),
            "pattern": Criteria(pattern_key="grammar.pattern_3"),
            "rare pattern": Criteria(pattern_key="structure.rare"),
            "severity": Criteria(severity="high"),
            "category and severity": Criteria(category="structure", severity="low"),
            "pattern and severity": Criteria(pattern_key="grammar.pattern_3", severity="high"),
            "model": Criteria(model="claude-haiku-5-5"),
            "new prompt": Criteria(prompt_version="v3"),
            "suspect segments": Criteria(suspect_above=0.3),
            "suspect segments, none": Criteria(suspect_above=0.9),
            "low evidence": Criteria(evidence_below=0.8),
            "low evidence, none": Criteria(evidence_below=0.1),
            "audio held": Criteria(audio_held=True),
            "stuck": Criteria(stuck=True),
            "words, rare": Criteria(words=RARE_WORD),
            "words, of one in a hundred": Criteria(words="team44"),
            "words, in all": Criteria(words="work"),
            "search, rare": Criteria(search=RARE_TITLE),
            "search, of none": Criteria(search="xylophone"),
            "search, in most": Criteria(search="about my work"),
            "search, two letters of none": Criteria(search="qq"),
        }.items():
            yield Door(f"list: {name}", partial(_page, criteria), _WINDOWS.get(name, 0))
        yield Door(
            "neighbours of a session",
            lambda: lambda services: session_list.neighbours(services, self._of_few, Criteria()),
        )
        yield Door(
            "neighbours, failed alone",
            lambda: (
                lambda services: session_list.neighbours(
                    services, self._of_few, Criteria(status=Status.FAILED)
                )
            ),
        )
        yield Door("news", lambda: partial(_news, self._of_many))
        yield Door("what the filters offer", lambda: session_list.offered)
        asked: dict[str, dict[str, object]] = {
            "": {},
            ", one learner": {"user_id": MANY},
            ", failed": {"status": Status.FAILED},
            ", search of none": {"query": "xylophone"},
        }
        for name, values in asked.items():
            yield Door(f"API: list{name}", partial(partial, _listed, values))

    def _reading(self) -> Iterator[Door]:
        for name, whose, session_id in (
            ("few", FEW, self._of_few),
            ("2,000", MANY, self._of_many),
        ):
            yield Door(
                f"session page, learner with {name} sessions",
                partial(partial, _session_page, session_id),
            )
            yield Door(f"learner page, {name} sessions", partial(partial, _learner_page, whose))
            yield Door(f"profile, {name} sessions", partial(partial, _profile, whose))
        yield Door("learners found", lambda: _found)
        yield Door("consents read", lambda: lambda services: consenting.read(services, FEW))

    def _operating(self) -> Iterator[Door]:
        for window, full_at in ((Window.DAY, 10_000), (Window.WEEK, 100_000)):
            yield Door(f"workload of a {window}", partial(partial, _workload, window), full_at)
        yield Door("failures by code", lambda: figures.failures, 1_000_000)
        yield Door("sessions of 14 days", lambda: figures.volumes, 100_000)
        yield Door(
            "failures worth a run",
            lambda: lambda services: figures.rerunnable(services, "ANALYSIS_INVALID"),
            1_000_000,
        )
        yield Door("backlog", lambda: backlog.backlog)
        yield Door(
            "quality of 30 days",
            lambda: lambda services: quality.quality(services, ADMIN, days=30),
            100_000,
        )
        for name, wanted in {
            "": Wanted(),
            ", one person": Wanted(actor="coach-2"),
            ", one action": Wanted(action=AuditAction.REVIEW),
            ", a day": Wanted(since=self._deep_at, until=self._deep_at + timedelta(hours=2)),
        }.items():
            yield Door(f"audit{name}", partial(partial, _audit, wanted))
        for kind in QueueRule:
            yield Door(f"review queue: {kind}", partial(partial, _queue, Rule(kind)))


_WINDOWS = {"failed today": 10_000, "since a week": 100_000}
"""Filters by time, with the size from which on there is as much of it."""


def _upload(audio: bytes, services: Services) -> object:
    return intake.upload(
        services, audio=io.BytesIO(audio), user_id=BUSY, idempotency_key=str(uuid4())
    )


def _claim(session_id: UUID, services: Services) -> object:
    with transaction(services.engine) as db:
        return leases.claim(db, session_id, run_id=None, lease_seconds=60, now=services.now())


def _page(criteria: Criteria, *, before: UUID | None = None) -> Work:
    until = session_list.this_moment()
    return lambda services: session_list.page(services, criteria, until=until, before=before)


def _news(since: UUID, services: Services) -> object:
    return session_list.news(services, Criteria(), since=since, drawn={})


def _listed(criteria: dict[str, object], services: Services) -> object:
    return review.list_sessions(services, **criteria)  # type: ignore[arg-type] # by name


def _session_page(session_id: UUID, services: Services) -> object:
    review.session_detail(services, session_id, staff=ADMIN)
    return reviewing.opinions(services, ADMIN, session_id)


def _learner_page(whose: str, services: Services) -> object:
    learner.evidence(services, whose, "grammar.pattern_3", staff=ADMIN)
    return learner.standing(services, whose)


def _profile(whose: str, services: Services) -> object:
    return review.profile(services, whose)


def _found(services: Services) -> object:
    learner.find(services)
    return learner.find(services, "learner-1")


def _workload(window: Window, services: Services) -> object:
    return figures.workload(services, window)


def _audit(wanted: Wanted, services: Services) -> object:
    return audit_trail.page(services, ADMIN, wanted)


def _queue(rule: Rule, services: Services) -> object:
    """How much waits, the next run taken, and put back."""
    progress = reviewing.progress(services, ADMIN, rule)
    item = reviewing.next_item(services, ADMIN, rule)
    if item is not None:
        reviewing.release(services, ADMIN, item.hand.review_id)
    return progress
