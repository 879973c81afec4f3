"""Child processes that never outlive their parent, and waiting until one is healthy."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.03

_libc = ctypes.CDLL(None, use_errno=True)


class PartFailed(Exception):
    """A part of the stack did not come up, or died; the message is for a person."""


def start(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    as_user: int | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in its own session, its output in `log`, tied to our life.

    Must be called from the main thread: the kernel ties the child to the calling thread.
    """
    parent = os.getpid()

    def tie() -> None:
        if as_user is not None:
            os.setgroups([])
            os.setgid(as_user)
            os.setuid(as_user)
        # After setuid, which clears it.
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            start_new_session=True,
            preexec_fn=tie,  # noqa: PLW1509 - single-threaded here, and there is no other way
        )


Started = Callable[[subprocess.Popen[bytes], Path], None]
"""Told of a server that was started, and its log: for whoever watches that it lives."""


def nobody_watches(_process: subprocess.Popen[bytes], _log: Path) -> None:
    """For callers who notice a dead server soon enough by using it."""


def stay(process: subprocess.Popen[bytes], log: Path, *, name: str) -> None:
    """Wait for as long as a server lives.

    Raises:
        PartFailed: it ended.
    """
    status = process.wait()
    raise PartFailed(f"{name} ended with status {status}. Its last words are in {log}.")


def wait_until(
    healthy: Callable[[], bool],
    process: subprocess.Popen[bytes],
    *,
    name: str,
    log: Path,
    seconds: float = 60,
) -> None:
    """Wait until `healthy` says so.

    Raises:
        PartFailed: the process ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while not healthy():
        if process.poll() is not None:
            raise PartFailed(
                f"{name} ended with status {process.returncode}. Its last words are in {log}."
            )
        if time.monotonic() > deadline:
            raise PartFailed(f"{name} did not answer within {seconds:.0f} s. See {log}.")
        time.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Whether a GET of `url` is a 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own URLs
            return bool(200 <= response.status < 300)  # noqa: PLR2004 - HTTP's success
    except (urllib.error.URLError, OSError):
        return False


def stop(
    process: subprocess.Popen[bytes],
    *,
    by: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 5,
) -> None:
    """Ask a child to end, and make it end after the grace."""
    if process.poll() is not None:
        return
    process.send_signal(by)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
