"""Where a backend waits in the middle of a commit, because Postgres makes it wait.

A trigger on the written row asks for an advisory lock that the test holds: nothing in our code
knows of it. An ordinary trigger holds the statement, so that a worker killed there leaves a
transaction that is rolled back. A deferred constraint trigger holds the COMMIT itself, which
lands though nobody is left to hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg
from sqlalchemy import text

from pipeline.database.engine import transaction
from pipeline.process import Done
from pipeline.settings import Settings
from tests.backend.live import eventually
from tests.world import World

LOCK = 7_001


@dataclass(frozen=True)
class Commit:
    """One commit of a delivery, known by a row that it writes."""

    name: str
    table: str
    row: str = "true"
    """SQL condition on NEW and OLD."""
    write: str = "INSERT"


CLAIM = Commit("claim", "session_events", "NEW.stage = 'downloading'")
TRANSCRIBING = Commit("transcribing", "session_events", "NEW.stage = 'transcribing'")
TRANSCRIPT = Commit("transcript", "transcripts")
DELETING = Commit("deleting", "session_events", "NEW.stage = 'deleting_audio'")
DELETED = Commit(
    "deleted",
    "sessions",
    "OLD.audio_deleted_at IS NULL AND NEW.audio_deleted_at IS NOT NULL",
    write="UPDATE",
)
ANALYZING = Commit("analyzing", "session_events", "NEW.stage = 'analyzing'")
ANALYSIS = Commit("analysis", "analyses")
STORING = Commit("storing", "session_events", "NEW.stage = 'storing'")
COMPLETION = Commit("completion", "pattern_profiles", write="INSERT OR UPDATE")
"""The last rows of the one transaction that makes results, profile and `COMPLETED`."""

COMMITS = (
    CLAIM,
    TRANSCRIBING,
    TRANSCRIPT,
    DELETING,
    DELETED,
    ANALYZING,
    ANALYSIS,
    STORING,
    COMPLETION,
)
"""In the order of a delivery."""


@dataclass
class Hold:
    """A backend that waits, or is about to."""

    connection: psycopg.Connection
    commit: Commit
    pid: int = 0
    """The Postgres process that serves the waiting transaction."""

    def wait(self) -> None:
        """Wait until a transaction has come to the hold."""
        self.pid = eventually(self._waiting)

    def _waiting(self) -> int:
        row = self.connection.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [LOCK],
        ).fetchone()
        return int(row[0]) if row else 0

    def let_go(self) -> None:
        """Let the transaction go on, and no other wait here any more."""
        self.connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def remove(self) -> None:
        """Take the trigger away, once the transaction is over."""
        eventually(self._is_over)
        self.connection.execute(f"DROP TRIGGER hold ON {self.commit.table}".encode())

    def _is_over(self) -> bool:
        row = self.connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND xact_start IS NOT NULL", [self.pid]
        ).fetchone()
        return row is None


@contextmanager
def holding(settings: Settings, commit: Commit, *, landed: bool) -> Iterator[Hold]:
    """Hold the first such transaction: before its commit, or while the commit lands."""
    url = settings.require("DATABASE_URL").replace("+psycopg", "")
    kind = "CONSTRAINT TRIGGER" if landed else "TRIGGER"
    deferred = "DEFERRABLE INITIALLY DEFERRED" if landed else ""
    with psycopg.connect(url, autocommit=True, application_name="test") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute(
            f"""
            CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END $$;
            CREATE {kind} hold AFTER {commit.write} ON {commit.table} {deferred}
              FOR EACH ROW WHEN ({commit.row}) EXECUTE FUNCTION hold();
            """.encode()
        )
        yield Hold(connection, commit)


def meanwhile(
    world: World, commit: Commit, session_id: UUID, act: Callable[[], object]
) -> Future[Done]:
    """Let a worker wait inside a transaction, act, then let it go on; what became of its delivery.

    Whoever acts waits for it, or is first.
    """
    with (
        ThreadPoolExecutor(2) as pool,
        holding(world.services.settings, commit, landed=False) as hold,
    ):
        working = pool.submit(world.deliver, session_id)
        hold.wait()
        acting = pool.submit(act)
        eventually(lambda: acting.done() or _somebody_waits_for_a_row(world))
        hold.let_go()
        acting.result()
        # Whatever it ended in is the caller's to judge: here it only has to have ended.
        working.exception()
        hold.remove()
    return working


def _somebody_waits_for_a_row(world: World) -> bool:
    with transaction(world.services.engine) as db:
        waiting = db.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND wait_event <> 'advisory'"
            )
        )
    return bool(waiting)
