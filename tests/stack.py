"""The whole stack as a person starts it: `python -m local.stack run`, on ports of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.ports import free_port
from tests.folders import open_folder

ROOT = Path(__file__).parent.parent
SECONDS_TO_START = 120


@dataclass(frozen=True)
class RunningStack:
    """A stack that runs."""

    process: subprocess.Popen[str]
    env: Mapping[str, str]
    output: list[str]

    @property
    def printed(self) -> str:
        """All that it has printed so far."""
        return "".join(self.output)

    @property
    def dashboard(self) -> str:
        """The dashboard's URL."""
        return f"http://127.0.0.1:{self.env['DASHBOARD_PORT']}"

    @property
    def api(self) -> str:
        """The backend's URL."""
        return f"http://127.0.0.1:{self.env['BACKEND_PORT']}"

    @property
    def sample_id(self) -> str:
        """The session of the sample that the first start processed."""
        found = re.search(r"/session\?id=([0-9a-f-]{36})", self.printed)
        assert found, self.printed
        return found.group(1)


def stack_env(data_dir: Path) -> dict[str, str]:
    """An environment for one stack."""
    return {
        **os.environ,
        "DATA_DIR": str(data_dir),
        "BACKEND_PORT": str(free_port()),
        "DASHBOARD_PORT": str(free_port()),
    }


def start_stack(env: Mapping[str, str], *, until: str = "Ctrl-C stops everything") -> RunningStack:
    """Start, and wait until it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local.stack", "run"],
        cwd=ROOT,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stack = RunningStack(process, env, [])
    seen = threading.Event()

    def read() -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                stack.output.append(line)
                if until in line:
                    seen.set()
        seen.set()

    threading.Thread(target=read, daemon=True).start()
    assert seen.wait(SECONDS_TO_START), stack.printed
    return stack


def stop_stack(stack: RunningStack, *, by: signal.Signals = signal.SIGINT) -> int:
    """Stop as Ctrl-C does; the exit status."""
    stack.process.send_signal(by)
    return stack.process.wait(30)


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A stack that runs for the whole test session."""
    with open_folder() as folder:
        running = start_stack(stack_env(folder))
        yield running
        stop_stack(running)
