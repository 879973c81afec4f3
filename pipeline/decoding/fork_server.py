"""The fork server: `python -m pipeline.decoding.fork_server`, started by `pipeline.audio` alone.

It has loaded what a decoding child needs, which takes longer than most recordings do, and forks
one child for each job. It reads no recording itself, and was started with nothing of ours: no
keys, no addresses. Standard input is a socket; when its other end goes, so does the server.

A job comes as a socket of its own that holds the request already. The child's exit status goes
back through it; whoever asked hangs up to have the child killed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
from importlib import import_module

from pipeline.decoding import child

LOADED = b"loaded"
"""Said once there is nothing left to load."""
MOST_FILES = 250
"""That one message may pass (Linux: 253)."""
REQUEST_BYTES = 1 << 16
PYAV = (
    "av",
    "av.audio.stream",
    "av.video.stream",
    "av.video.codeccontext",
    "av.subtitles.stream",
    "av.subtitles.codeccontext",
)
"""PyAV loads some of these when first used, and a child can open no file by then."""


def main() -> None:
    """Load, then serve until nobody asks any more."""
    # A Ctrl-C at the terminal, or systemd's SIGTERM to all of a service, is for whoever asks: they
    # finish what is under way, and their end is the children's.
    for asked_to_end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_end, signal.SIG_IGN)
    for name in (*PYAV, *child.JOBS.values()):
        import_module(name)
    # Memory that the children share stays shared: nothing in it is ever collected.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as control:
        control.sendall(LOADED)
        Server(control).serve()


class Server:
    """One loop over three kinds of news: a job comes, a child has ended, somebody hung up."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._jobs: dict[int, socket.socket] = {}
        """By the process id of its child."""
        self._watched = selectors.DefaultSelector()
        self._ended, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(told)

    def serve(self) -> None:
        """Until the other end of the control socket goes; the children go with us."""
        self._watched.register(self._control, selectors.EVENT_READ)
        self._watched.register(self._ended, selectors.EVENT_READ)
        while True:
            for key, _ in self._watched.select():
                if key.fileobj is self._control:
                    _, passed, _, _ = socket.recv_fds(self._control, 1, 1)
                    if not passed:
                        return
                    self._begin(socket.socket(fileno=passed[0]))
                elif key.fileobj == self._ended:
                    os.read(self._ended, 4096)
                    self._report()
                elif key.data in self._jobs:
                    self._watched.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def _begin(self, job: socket.socket) -> None:
        request, files, _, _ = socket.recv_fds(job, REQUEST_BYTES, MOST_FILES)
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            child.work(json.loads(request), files, server=server)
        for file in files:
            os.close(file)
        self._jobs[pid] = job
        self._watched.register(job, selectors.EVENT_READ, pid)

    def _report(self) -> None:
        """Tell of every child that has ended how it did."""
        while self._jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._jobs.pop(pid) as job:
                if job in self._watched.get_map():
                    self._watched.unregister(job)
                try:
                    job.sendall(str(os.waitstatus_to_exitcode(status)).encode())
                except OSError:
                    # They did not wait for it.
                    continue


if __name__ == "__main__":
    main()
