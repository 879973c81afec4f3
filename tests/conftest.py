"""The ground under every test: a purged environment, a real Postgres, a real S3 server."""

from __future__ import annotations

import os

# Before anything of ours is imported: nothing of a developer's own machine may leak in.
_OURS = (
    "DATABASE_URL",
    "R2_",
    "QSTASH_",
    "OPENAI_",
    "ANTHROPIC_",
    "API_TOKEN",
    "API_TOKENS",
    "APP_",
    "DASHBOARD_",
    "WHISPER_",
    "CLAUDE_",
    "PROMPT_",
    "MAX_",
    "AUDIO_",
    "PIPELINE_",
    "TRANSCRIPT",
    "SESSION_",
    "PREPARE_",
    "LEASE_",
    "DELIVERY_",
    "STOP_",
    "QUEUE_",
    "REVIEW_",
    "METRIC_",
    "NOTIFY_",
    "OTEL_",
    "AWS_",
    "DATA_DIR",
)
for _name in list(os.environ):
    if _name.startswith(_OURS) or _name.lower().endswith("_proxy"):
        del os.environ[_name]

# No test speaks TLS to anybody, and reading the real list of authorities costs each HTTP client
# 20 ms of processor time; the programs that tests start inherit this.
OUTSIDE = dict(os.environ)
"""For the few programs that do speak to somebody: installers."""
os.environ["SSL_CERT_FILE"] = __file__.replace("conftest.py", "nobody.pem")

from collections.abc import Iterator  # noqa: E402 - after the purge
from pathlib import Path  # noqa: E402 - after the purge

import pytest  # noqa: E402 - after the purge

from local.objects import ObjectsServer, running_objects  # noqa: E402 - after the purge
from local.postgres import running_postgres  # noqa: E402 - after the purge
from tests.databases import Databases, drop, new_database  # noqa: E402 - after the purge
from tests.folders import open_folder  # noqa: E402 - after the purge

pytest_plugins = [
    "tests.standins",
    "tests.world",
    "tests.backend.api",
    "tests.backend.live",
    "tests.letters",
    "tests.dashboard.screen",
    "tests.stack",
    "tests.faults.overheard",
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An open folder for one test."""
    with open_folder() as made:
        yield made


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A Postgres of this test run's own: the URL of its maintenance database."""
    with open_folder() as folder, running_postgres(folder, durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Iterator[Databases]:
    """Migrated databases for whoever needs one."""
    made = Databases(postgres_server)
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A migrated database without rows, with real commits."""
    with databases.lent() as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """A fresh database with nothing in it."""
    url = new_database(postgres_server)
    yield url
    drop(url)


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectsServer]:
    """The default S3 server with an empty bucket."""
    with running_objects(tmp_path_factory.mktemp("objects")) as server:
        yield server
