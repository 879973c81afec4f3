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
    "TRANSCRIPTION_",
    "LEASE_",
    "DELIVERY_",
    "STOP_",
    "TRANSCRIPTION_",
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

import secrets  # noqa: E402 - after the purge
import subprocess  # noqa: E402 - after the purge
import sys  # noqa: E402 - after the purge
from collections.abc import Iterator  # noqa: E402 - after the purge
from pathlib import Path  # noqa: E402 - after the purge

import psycopg  # noqa: E402 - after the purge
import pytest  # noqa: E402 - after the purge

from local.objects import ObjectsServer, running_objects  # noqa: E402 - after the purge
from local.postgres import running_postgres  # noqa: E402 - after the purge
from tests.folders import open_folder  # noqa: E402 - after the purge

ROOT = Path(__file__).parent.parent
TEMPLATE = "rostrum_template"

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
def template_database(postgres_server: str) -> str:
    """A migrated database that others are cloned from; its name."""
    _admin(postgres_server, f"CREATE DATABASE {TEMPLATE}")
    migrate(_url(postgres_server, TEMPLATE))
    return TEMPLATE


def migrate(database_url: str) -> None:
    """Make the tables, as production does."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
    )


@pytest.fixture
def database_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """A fresh migrated database with real commits."""
    yield from _fresh(postgres_server, template_database)


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """A fresh database with nothing in it."""
    yield from _fresh(postgres_server)


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectsServer]:
    """The default S3 server with an empty bucket."""
    with running_objects(tmp_path_factory.mktemp("objects")) as server:
        yield server


def new_database(server: str, template: str = "template1") -> str:
    """A database that stays as long as its server; its URL."""
    name = f"test_{secrets.token_hex(6)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return _url(server, name)


def _fresh(server: str, template: str = "template1") -> Iterator[str]:
    url = new_database(server, template)
    yield url
    _admin(server, f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def _url(server: str, name: str) -> str:
    return server.rpartition("/")[0] + f"/{name}"


def _admin(server: str, statement: str) -> None:
    plain = _url(server, "postgres").replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode())
