"""The local analyst as a program of its own: reached over the wire, as everybody reaches it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_START_SECONDS = 60.0
POLL_SECONDS = 0.1


@contextmanager
def local_analyst() -> Iterator[str]:
    """Its URL, while it runs.

    Raises:
        TimeoutError: it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "local.analyst", "--port", str(port)]) as process:
        try:
            _wait(url, process)
            yield url
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1):  # noqa: S310 - our own URL
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(POLL_SECONDS)
    raise TimeoutError("The local analyst did not start.")
