"""The dashboard as production runs it: a process of its own, on a real port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.child import answers, start, stop, wait_until
from local.ports import free_port
from local.stack import dashboard_command
from pipeline.settings import Settings
from tests.backend.live import environment


@dataclass(frozen=True)
class LiveDashboard:
    """A dashboard that runs, in local mode."""

    url: str
    pid: int
    log: Path


@contextmanager
def running_dashboard(settings: Settings, log: Path, **env: str) -> Iterator[LiveDashboard]:
    """A dashboard on these settings, healthy; stopped afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(
        dashboard_command(port), log=log, env={**os.environ, **environment(settings), **env}
    )
    try:
        healthy = f"{url}/_stcore/health"
        wait_until(lambda: answers(healthy), process, name="The dashboard", log=log)
        yield LiveDashboard(url, process.pid, log)
    finally:
        stop(process)
