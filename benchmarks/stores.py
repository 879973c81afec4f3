"""What keeps things in a stack under measurement: Postgres, the object store, the queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.child import Started
from local.objects import ObjectsServer, running_objects
from local.ports import free_port
from local.postgres import running_postgres
from pipeline.settings import Settings
from tests.databases import migrate
from tests.folders import open_folder
from tests.standins import running_qstash
from tests.world import settings_on, with_changes


@dataclass
class Pids:
    """The processes that are watched."""

    by_part: dict[str, int] = field(default_factory=dict)

    def named(self, part: str) -> Started:
        """For whatever starts one: note it under this name."""
        return lambda process, _log: self.by_part.__setitem__(part, process.pid)


@dataclass(frozen=True)
class Stores:
    """Where they are."""

    folder: Path
    """Of all that the measurement writes."""
    pids: Pids
    database_url: str
    objects: ObjectsServer
    qstash_url: str

    def settings(self, *, whisper_url: str, analyst_url: str, **changed: Any) -> Settings:
        """What a part that works on them is started with; `APP_URL` is an address that is free."""
        usual = settings_on(
            database_url=self.database_url,
            objects=self.objects,
            whisper_url=whisper_url,
            analyst_url=analyst_url,
        )
        app_url = f"http://127.0.0.1:{free_port()}"
        return with_changes(usual, qstash_url=self.qstash_url, app_url=app_url, **changed)


@contextmanager
def running_stores() -> Iterator[Stores]:
    """Start them, with tables and a bucket; Postgres writes for good."""
    with ExitStack() as opened:
        enter = opened.enter_context
        folder, pids = enter(open_folder()), Pids()
        cluster = folder / "postgres"
        cluster.mkdir()
        cluster.chmod(0o711)
        url = enter(running_postgres(cluster, started=pids.named("Postgres")))
        migrate(url)
        objects = enter(running_objects(folder / "objects", started=pids.named("object store")))
        queue = f"{url.rpartition('/')[0]}/postgres"
        qstash = enter(running_qstash(queue, folder / "qstash.log", started=pids.named("queue")))
        yield Stores(folder, pids, url, objects, qstash.url)
