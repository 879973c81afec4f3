"""Each engine as it is started: its queue, its worker, and how a session is handed to it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from benchmarks.peers.job import Job
from benchmarks.peers.surroundings import Surroundings
from benchmarks.peers.worker import READY
from local.child import PartFailed, start, stop, wait_until
from local.ports import free_port, is_taken
from pipeline.publication import publish
from pipeline.services import Services
from tests.backend.live import environment, eventually, running_backend
from tests.standins import running_qstash
from tests.world import with_changes

WORKER = "worker"
PREPARED = "prepared"
"""What the backend logs once the first delivery would not wait."""
STOP_SECONDS = 15.0


@dataclass
class Live:
    """An engine whose queue is there."""

    parts: dict[str, int]
    """Process ids of what is the engine's own, by name."""
    submit: Callable[[Job], None]
    begin_worker: Callable[[], int]
    """Starts the worker and waits until it takes jobs; its process id."""
    redis_commands: Callable[[], int] = lambda: 0
    """How many there were so far."""

    def start(self) -> None:
        """Have jobs worked on."""
        self.parts[WORKER] = self.begin_worker()

    def kill(self) -> None:
        """`kill -9` of the worker and all below it."""
        os.killpg(self.parts.pop(WORKER), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to have sessions processed."""

    name: str
    packages: tuple[str, ...]
    """Whose versions matter."""
    running: Callable[[Surroundings, int], AbstractContextManager[Live]]
    """With so many sessions at once."""


@contextmanager
def rostrum(around: Surroundings, at_once: int) -> Iterator[Live]:
    """Ours: the local queue, its signed webhook, one backend process."""
    with ExitStack() as opened:
        parts: dict[str, int] = {}
        folder, port = _folder(opened, around), free_port()
        qstash = opened.enter_context(
            running_qstash(
                around.queue_url,
                folder / "qstash.log",
                started=lambda process, _log: parts.__setitem__("queue", process.pid),
            )
        )
        settings = with_changes(
            around.settings,
            qstash_url=qstash.url,
            app_url=f"http://127.0.0.1:{port}",
            pipeline_parallelism=at_once,
            prepare_at_start=True,
        )
        services = Services(settings)
        opened.callback(services.close)

        def begin_worker() -> int:
            log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
            live = opened.enter_context(running_backend(settings, log, port=port))
            eventually(lambda: any(line["event"] == PREPARED for line in live.lines()))
            return live.pid

        yield Live(parts, lambda job: _publish(services, job), begin_worker)


def _publish(services: Services, job: Job) -> None:
    if not publish(services, UUID(job.run_id)):
        raise PartFailed("The local queue did not take a message.")


@contextmanager
def dbos(around: Surroundings, at_once: int) -> Iterator[Live]:
    """A workflow of DBOS."""
    from dbos import DBOSClient

    from benchmarks.peers.dbos_worker import QUEUE, WORKFLOW

    url = around.settings.require("DATABASE_URL")
    with ExitStack() as opened:
        begin_worker = _python(opened, around, "benchmarks.peers.dbos_worker", at_once)
        clients: list[DBOSClient] = []

        def submit(job: Job) -> None:
            if not clients:
                # Its worker makes the tables.
                clients.append(DBOSClient(system_database_url=url))
                opened.callback(clients[0].destroy)
            clients[0].enqueue({"workflow_name": WORKFLOW, "queue_name": QUEUE}, job.told())

        yield Live({}, submit, begin_worker)


@contextmanager
def procrastinate(around: Surroundings, at_once: int) -> Iterator[Live]:
    """A job of Procrastinate."""
    from procrastinate import App, SyncPsycopgConnector

    from benchmarks.peers.procrastinate_worker import QUEUE, TASK

    url = around.settings.require("DATABASE_URL").replace("+psycopg", "")
    known = around.watching.execute("SELECT to_regclass('procrastinate_jobs') AS watched")
    with ExitStack() as opened:
        app = opened.enter_context(App(connector=SyncPsycopgConnector(conninfo=url)).open())
        if known.fetchone() == (None,):
            app.schema_manager.apply_schema()
        task = app.configure_task(TASK, queue=QUEUE)
        begin_worker = _python(opened, around, "benchmarks.peers.procrastinate_worker", at_once)
        yield Live({}, lambda job: _ignored(task.defer(**job.told())), begin_worker)


def _ignored(_result: object) -> None:
    return


@contextmanager
def celery(around: Surroundings, at_once: int) -> Iterator[Live]:
    """A chain of Celery, with Redis."""
    from redis import Redis

    from benchmarks.peers.celery_worker import AT_ONCE, FOLDER, REDIS_URL, make_app, send

    with ExitStack() as opened:
        folder = _folder(opened, around)
        redis_url, redis_pid = _redis(opened, folder)
        app = make_app(redis_url)
        opened.callback(app.close)
        asked = Redis.from_url(redis_url)
        opened.callback(asked.close)

        def begin_worker() -> int:
            work = _folder(opened, around)
            return _started(
                opened,
                around,
                [
                    *(sys.executable, "-m", "celery", "--app", "benchmarks.peers.celery_app"),
                    *("worker", f"--concurrency={at_once}", "--pool=threads", "--loglevel=WARNING"),
                ],
                folder=work,
                more={REDIS_URL: redis_url, FOLDER: str(work), AT_ONCE: str(at_once)},
            )

        yield Live(
            {"Redis": redis_pid},
            lambda job: send(app, job),
            begin_worker,
            lambda: int(asked.info("stats")["total_commands_processed"]),
        )


def redis_server() -> str:
    """Debian's program.

    Raises:
        PartFailed: it is not there.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise PartFailed("redis-server is missing. Run `apt-get install redis-server`.")
    return program


def _redis(opened: ExitStack, folder: Path) -> tuple[str, int]:
    """A Redis that keeps a log of changes, synced each second; its URL and process id."""
    port, log = free_port(), folder / "redis.log"
    server = start(
        [
            *(redis_server(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
            *("--appendonly", "yes", "--appendfsync", "everysec"),
        ],
        log=log,
    )
    opened.callback(stop, server)
    wait_until(lambda: is_taken(port), server, name="Redis", log=log)
    return f"redis://127.0.0.1:{port}/0", server.pid


def _python(
    opened: ExitStack, around: Surroundings, module: str, at_once: int
) -> Callable[[], int]:
    """What starts a worker of ours in an interpreter of its own."""

    def begin() -> int:
        folder = _folder(opened, around)
        order = [f"--at-once={at_once}", f"--folder={folder}"]
        return _started(opened, around, [sys.executable, "-m", module, *order], folder=folder)

    return begin


def _started(
    opened: ExitStack,
    around: Surroundings,
    command: list[str],
    *,
    folder: Path,
    more: Mapping[str, str] | None = None,
) -> int:
    log = folder.with_suffix(".log")
    env = {**os.environ, **environment(around.settings), **(more or {})}
    worker = start(command, log=log, env=env)
    opened.callback(stop, worker, grace_seconds=STOP_SECONDS)
    wait_until(
        (folder / READY).exists,
        worker,
        name="The worker",
        log=log,
        seconds=120,
    )
    return worker.pid


def _folder(opened: ExitStack, around: Surroundings) -> Path:
    made = Path(tempfile.mkdtemp(dir=around.folder))
    opened.callback(shutil.rmtree, made, ignore_errors=True)
    return made


OURS = Engine("Rostrum", ("fastapi", "sqlalchemy", "uvicorn"), rostrum)
PEERS = (
    Engine("DBOS", ("dbos",), dbos),
    Engine("Procrastinate", ("procrastinate",), procrastinate),
    Engine("Celery", ("celery", "kombu", "redis"), celery),
)
ENGINES = (OURS, *PEERS)
