"""Fill a database with the plan's sessions, in one transaction; and take them out again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.orm import Session

from pipeline.database import profiles, summaries
from pipeline.database.engine import transaction
from pipeline.database.models import Learner, SpeakingSession
from pipeline.database.staff_models import AuditEntry, BulkJob, GoldenRun, SweepRecord
from pipeline.services import Services
from pipeline.storage import audio_key
from seeding.book import Book, Columns
from seeding.feedback import Coach, assess, coach_in_use
from seeding.history import live
from seeding.marked import LEARNER_PREFIX, is_marked
from seeding.plan import COHORT, HALF_A_YEAR, Visit, visits
from seeding.speaking import give
from seeding.staff_work import Desk
from seeding.texts import talks

AT_ONCE = 1_000
"""Sessions that are held in memory before they are sent."""
RERUNS = 0.12
"""Later analyses of a completed session, on average."""
MANY, MANY_RERUNS = 10 * COHORT, 1.9
"""From so many sessions on there are more, so that insights come to ten a session."""
RECORDING = Path(__file__).parent.parent / "samples" / "sample.ogg"
_LOCK = 0x5EED

Tell = Callable[[str], None]


class RefusedInProduction(Exception):
    """Made-up sessions do not belong beside real ones."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is there now."""

    sessions: int
    insights: int
    """Added just now; 0 where the sessions were there already."""
    added: bool


def fill(
    services: Services, *, sessions: int = COHORT, seed: int = 1, tell: Tell = lambda _: None
) -> Filled:
    """Add so many sessions with all that hangs on them; nothing where some are there already.

    The same `seed` and the same time give the same rows.

    Raises:
        RefusedInProduction: APP_ENV is production.
        DatabaseUnavailable: Postgres cannot be reached; nothing was added.
    """
    _refuse_production(services)
    with transaction(services.engine) as db:
        _take_time(db)
        held = _count(db)
        if held:
            return Filled(held, 0, added=False)
        filling = _Filling(db, seed=seed, until=services.now())
        planned = visits(sessions, until=filling.until, seed=seed)
        filling.write(planned, tell)
        tell("deriving results and profiles")
        filling.derive()
    _store_recordings(services, filling.recordings)
    tell("gathering statistics")
    with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE)"))
    return Filled(sessions, filling.book.insights.count, added=True)


class _Filling:
    """The work of one filling."""

    def __init__(self, db: Session, *, seed: int, until: datetime) -> None:
        self.until = until
        self.book = Book()
        self.recordings: list[UUID] = []
        """Sessions whose recording would still be stored."""
        self._db, self._seed = db, seed
        chance = random.Random(f"{seed} staff")  # noqa: S311 - the same each time
        self._desk = Desk(self.book, chance, until, known=_audited(db))
        self._results: dict[tuple[str, int, int, Coach], Columns] = {}
        self._completed: list[UUID] = []
        self._learners: set[str] = set()

    def write(self, planned: list[Visit], tell: Tell) -> None:
        """Every session, the oldest first."""
        reruns = MANY_RERUNS if len(planned) >= MANY else RERUNS
        for number, visit in enumerate(planned):
            self._live(visit, reruns)
            if (number + 1) % AT_ONCE == 0:
                self._send()
                tell(f"{number + 1:,} of {len(planned):,} sessions")
        self._desk.close()
        self._send()

    def _live(self, visit: Visit, reruns: float) -> None:
        chance = random.Random(  # noqa: S311 - the same each time
            f"{self._seed} {visit.copy} {visit.person.name} {visit.step}"
        )
        life = live(
            self.book,
            visit,
            lambda at: self._columns(visit, at),
            chance=chance,
            until=self.until,
            reruns=int(reruns + chance.random()),
        )
        if life.user_id not in self._learners:
            self._learners.add(life.user_id)
            self.book.learners.add_row(id=life.user_id, created_at=visit.at)
        self._desk.look_at(life, self._coach(life.completed_at or visit.at))
        life.close()
        if life.result_run_id:
            self._completed.append(life.id)
        if life.holds_audio:
            self.recordings.append(life.id)

    def _coach(self, at: datetime) -> Coach:
        return coach_in_use(1 - (self.until - at) / HALF_A_YEAR)

    def _columns(self, visit: Visit, at: datetime) -> Columns:
        """What this person's talk came to, under whoever is in use at that time."""
        coach = self._coach(at)
        key = (visit.person.name, visit.step, visit.steps, coach)
        if key not in self._results:
            said = f"{self._seed} {visit.person.name} {visit.step} {visit.steps}"
            chance = random.Random(said)  # noqa: S311 - the same each time
            spoken = give(chance.choice(talks()), visit.person, visit.progress, chance)
            chance = random.Random(f"{said} {coach.model} {coach.prompt}")  # noqa: S311 - the same
            self._results[key] = self.book.columns(assess(spoken, coach, chance))
        return self._results[key]

    def _send(self) -> None:
        raw = self._db.connection().connection.driver_connection
        if raw is None:
            raise LookupError("the connection is closed")
        with raw.cursor() as cursor:
            self.book.copy(cursor)

    def derive(self) -> None:
        """Lines of the list and profiles, by the statements that the pipeline uses."""
        # Without it the planner takes the tables for empty, and reads them whole each time.
        self._db.execute(text("ANALYZE"))
        summaries.refresh(self._db, *self._completed)
        for learner_id in sorted(self._learners):
            profiles.refresh(self._db, learner_id)


def _audited(db: Session) -> frozenset[UUID | None]:
    """Made-up sessions that the audit tells of since an earlier filling: it keeps its entries."""
    of_ours = AuditEntry.learner_id.startswith(LEARNER_PREFIX, autoescape=True)
    told = select(AuditEntry.session_id).where(of_ours, AuditEntry.session_id.is_not(None))
    return frozenset(db.scalars(told.distinct()))


def remove(services: Services) -> int:
    """Take out what `fill` added, and nothing of others; how many sessions that were.

    The audit keeps its entries: it only grows, here as everywhere.

    Raises:
        RefusedInProduction: APP_ENV is production.
        StorageUnavailable, DatabaseUnavailable: nothing was removed.
    """
    _refuse_production(services)
    with transaction(services.engine) as db:
        held = select(SpeakingSession.id).where(
            is_marked(SpeakingSession.id),
            SpeakingSession.uploaded_at.is_not(None),
            SpeakingSession.audio_deleted_at.is_(None),
        )
        recordings = list(db.scalars(held))
    if _has_storage(services):
        for session_id in recordings:
            services.storage.delete(audio_key(session_id))
    with transaction(services.engine) as db:
        _take_time(db)
        removed = _count(db)
        db.execute(delete(SpeakingSession).where(is_marked(SpeakingSession.id)))
        for table in (BulkJob, GoldenRun):
            db.execute(delete(table).where(is_marked(table.id)))
        db.execute(delete(SweepRecord).where(SweepRecord.id < 0))
        ours = Learner.id.startswith(LEARNER_PREFIX)
        # Somebody may have uploaded a talk for one of them: that one stays.
        others = exists().where(SpeakingSession.learner_id == Learner.id)
        db.execute(delete(Learner).where(ours, ~others))
        for learner_id in list(db.scalars(select(Learner.id).where(ours))):
            profiles.refresh(db, learner_id)
    return removed


def _refuse_production(services: Services) -> None:
    if services.settings.app_env == "production":
        raise RefusedInProduction("Made-up sessions do not belong into production.")


def _take_time(db: Session) -> None:
    """One filling at a time, however long it takes."""
    db.execute(text("SET LOCAL statement_timeout = 0"))
    db.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    db.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _count(db: Session) -> int:
    counted = select(func.count()).select_from(SpeakingSession)
    return db.scalar(counted.where(is_marked(SpeakingSession.id))) or 0


def _has_storage(services: Services) -> bool:
    return services.settings.r2_bucket_name is not None


def _store_recordings(services: Services, session_ids: list[UUID]) -> None:
    """Behind a session that waits there is a recording: a running stack goes on with it."""
    if not _has_storage(services):
        return
    for session_id in session_ids:
        with RECORDING.open("rb") as recording:
            services.storage.put(audio_key(session_id), recording, content_type="audio/ogg")
