"""What a measured session meets: real storage and Postgres, and vendors that take no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.objects import running_objects
from local.postgres import running_postgres
from pipeline.settings import Settings
from tests.databases import migrate
from tests.folders import open_folder
from tests.standins import running
from tests.world import settings_on


@contextmanager
def surroundings() -> Iterator[tuple[Settings, Path]]:
    """The servers that a session meets, vendors without their time; and Postgres' log."""
    with ExitStack() as opened:
        folder = opened.enter_context(open_folder())
        (folder / "postgres").mkdir()
        (folder / "postgres").chmod(0o711)
        url = opened.enter_context(running_postgres(folder / "postgres", durable=True))
        migrate(url)
        objects = opened.enter_context(running_objects(folder / "objects"))
        vendors = opened.enter_context(
            running("benchmarks.instant_vendors", log=folder / "vendors.log")
        )
        settings = settings_on(
            database_url=url, objects=objects, whisper_url=vendors.url, analyst_url=vendors.url
        )
        yield settings, folder / "postgres" / "postgres.log"
