"""Children for single jobs, by way of the fork server: started once, when first needed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.decoding.fork_server import LOADED

ROOT = Path(__file__).parents[2]
LOADING_SECONDS = 80.0
"""It takes less than one; a machine that is busy takes longer."""


class Hung(Exception):
    """The child did not end in time, and was killed."""


class ForkServer:
    """The process that children are forked from, and the way to it. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(self, request: Mapping[str, Any], files: Sequence[int], *, seconds: float) -> int:
        """Let a child do a job on these open files; its exit status, negative for a signal.

        Raises:
            Hung: it took longer than `seconds`.
            OSError, RuntimeError: there is no server, or it went away meanwhile.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(ours, [json.dumps(request).encode()], list(files))
            self._hand_over(theirs)
            theirs.close()
            ours.settimeout(seconds)
            try:
                return _status(ours)
            except TimeoutError as error:
                ours.shutdown(socket.SHUT_WR)
                ours.settimeout(LOADING_SECONDS)
                _status(ours)
                raise Hung from error

    def _hand_over(self, job: socket.socket) -> None:
        with self._lock:
            try:
                socket.send_fds(self._running(), [b"."], [job.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                # It was killed since the last job.
                self._end()
                socket.send_fds(self._running(), [b"."], [job.fileno()])

    def start(self) -> None:
        """Start it beforehand."""
        with self._lock:
            self._running()

    def _running(self) -> socket.socket:
        if self._control is None:
            self._control, self._process = _started()
        return self._control

    def close(self) -> None:
        """End it, and the children with it; the next job starts it anew."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


def _status(job: socket.socket) -> int:
    told = job.recv(16)
    if not told:
        raise RuntimeError("The fork server ended, and its children with it.")
    return int(told)


def _started() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "pipeline.decoding.fork_server"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            # Nothing of ours: no keys, no addresses.
            env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()
        ours.settimeout(LOADING_SECONDS)
        try:
            loaded = ours.recv(len(LOADED))
        except OSError:
            loaded = b""
        if loaded != LOADED:
            process.kill()
            process.wait()
            ours.close()
            raise RuntimeError(f"The fork server did not start: {_words(complaint)}")
    ours.settimeout(None)
    return ours, process


def _words(complaint: BinaryIO) -> str:
    complaint.seek(0)
    return complaint.read(4096).decode(errors="replace")
