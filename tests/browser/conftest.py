"""One Playwright and one seeded dashboard for all tests in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from local.objects import ObjectsServer
from pipeline.services import Services
from seeding.fill import fill
from tests.dashboard.live import running_dashboard, settings_behind
from tests.databases import Databases
from tests.standins import StandIn

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass(frozen=True)
class Seeded:
    """A dashboard over made-up sessions, and what lies behind it."""

    url: str
    services: Services


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One for the package: two in one thread are refused, and one keeps others' loops away."""
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium without a microphone."""
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield started
    started.close()


@pytest.fixture(scope="package")
def seeded(
    databases: Databases,
    objects: ObjectsServer,
    qstash_process: StandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Seeded]:
    """A dashboard with 20 learners and 400 sessions, in local mode; nothing processes them."""
    settings = settings_behind(
        database_url=databases.made(),
        objects=objects,
        queue_url=qstash_process.url,
    )
    services = Services(settings)
    fill(services)
    log = tmp_path_factory.mktemp("dashboard") / "log"
    with running_dashboard(settings, log) as live:
        yield Seeded(live.url, services)
    services.close()
