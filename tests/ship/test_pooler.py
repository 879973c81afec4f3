"""Behind a real PgBouncer in transaction mode, as managed Postgres services put one in front.

Each transaction may run on another connection of the server: what is prepared or set on one is
not there on the next.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from local.ports import free_port
from pipeline import review
from pipeline.database import engine as engines
from pipeline.database.engine import transaction
from pipeline.status import Status
from pipeline.sweep import sweep
from tests.backend.live import eventually
from tests.folders import open_folder
from tests.world import World

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
SERVER_CONNECTIONS = 3
NOBODY = 65534

pytestmark = pytest.mark.skipif(
    not Path(PGBOUNCER).exists(), reason="PgBouncer is missing: apt-get install pgbouncer"
)


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """The test's database through a PgBouncer that has three connections to it."""
    direct, port = make_url(database_url), free_port()
    with open_folder() as folder:
        (folder / "users.txt").write_text(f'"{direct.username}" "{direct.password}"\n')
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={direct.host} port={direct.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
            f"pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\n"
        )
        for path in folder.iterdir():
            path.chmod(0o644)
        is_root = os.geteuid() == 0
        pooler = subprocess.Popen(
            [PGBOUNCER, "--quiet", str(settings)],
            stderr=subprocess.PIPE,
            text=True,
            # It refuses to run as root.
            user=NOBODY if is_root else None,
            group=NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
        )
        pooled = direct.set(port=port).render_as_string(hide_password=False)
        try:
            eventually(lambda: pooler.poll() is not None or _answers(pooled))
            assert pooler.poll() is None, pooler.stderr.read() if pooler.stderr else ""
            yield pooled
        finally:
            pooler.terminate()
            pooler.communicate(timeout=10)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", "")).close()
    except psycopg.OperationalError:
        return False
    return True


def test_sessions_side_by_side_are_processed_through_a_transaction_pooler(
    world: World, pooled_url: str
) -> None:
    pooled = world.with_settings(database_url=pooled_url)
    talks = 2 * SERVER_CONNECTIONS

    with ThreadPoolExecutor(talks) as workers:
        done = list(workers.map(lambda number: pooled.complete(f"learner-{number}"), range(talks)))

    assert sweep(pooled.services).failures == 0
    shown = review.list_sessions(pooled.services, limit=100).sessions
    assert {row.id for row in shown} == set(done)
    assert {row.status for row in shown} == {Status.COMPLETED}


def test_a_statement_repeated_often_does_not_miss_its_preparation(pooled_url: str) -> None:
    """Psycopg prepares a statement at its sixth use; the pooler's next connection lacks it."""
    engine = engines.create(pooled_url, pool_size=SERVER_CONNECTIONS)

    def ask(number: int) -> int:
        with transaction(engine) as db:
            return int(db.execute(text("SELECT :number + 0"), {"number": number}).scalar_one())

    with ThreadPoolExecutor(SERVER_CONNECTIONS * 2) as workers:
        answers = list(workers.map(ask, range(200)))

    assert answers == list(range(200))
    engine.dispose()


@pytest.fixture
def limited_role(database_url: str) -> Iterator[None]:
    """The limits set on the role, as `docs/deploy.md` has an operator do it."""
    role = make_url(database_url).username
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as admin:
        for name, milliseconds in engines.LIMITS.items():
            admin.execute(f"ALTER ROLE {role} SET {name} = {milliseconds}".encode())
        yield
        admin.execute(f"ALTER ROLE {role} RESET ALL".encode())


@pytest.mark.usefixtures("limited_role")
def test_limits_of_the_role_hold_behind_the_pooler(pooled_url: str) -> None:
    """What a client sets itself may meet another: there the role has to bring them."""
    with psycopg.connect(pooled_url.replace("+psycopg", "")) as client:
        found = {
            name: client.execute(f"SHOW {name}".encode()).fetchone() for name in engines.LIMITS
        }

    assert found == {
        "statement_timeout": ("30s",),
        "lock_timeout": ("10s",),
        "idle_in_transaction_session_timeout": ("5s",),
    }
