"""The decoding child: one job on one recording, in a process that the fork server made for it.

Standard input is the recording, standard output takes `READY` and then one line of JSON. All
else that it needs comes as numbers of open files. Nothing here is believed by the parent.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, NoReturn

from pipeline.decoding.confinement import Bounds, confine, die_with
from pipeline.decoding.recording import Refusal

READY = "ready"
"""Said once the child is confined: what goes wrong later is the recording's doing."""
FIRST_WRITTEN = 3
"""Number of the first file that the child may write; the others follow."""

JOBS = {
    "probe": "pipeline.decoding.containers",
    "survey": "pipeline.decoding.surveying",
    "normalise": "pipeline.decoding.normalising",
    "cut": "pipeline.decoding.cutting",
}
"""The module of each job; the function has the job's own name."""


def work(asked: dict[str, Any], files: Sequence[int], *, server: int) -> NoReturn:
    """Do one job, then end: with status 0 where there is an answer, be it a refusal.

    `files` are the recording, the answer, the complaint, and then those to be written. `server`
    is the process that forked us.
    """
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with(server)
        _hold_only(files)
        confine(Bounds(**asked["bounds"]))
        with os.fdopen(1, "w", closefd=False) as answer:
            answer.write(f"{READY}\n")
            answer.flush()
            answer.write(json.dumps(_found(asked["job"], asked["arguments"])) + "\n")
        status = 0
    except BaseException:  # noqa: BLE001 - it is told below, and nothing comes afterwards
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
    finally:
        # The server's own cleaning up is not ours to do.
        os._exit(status)


def _found(job: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from pipeline.decoding.containers import Refused

    try:
        return asdict(getattr(import_module(JOBS[job]), job)(0, **arguments))
    except Refused as refused:
        return {"refused": refused.why}
    except MemoryError:
        return {"refused": Refusal.UNREADABLE}


def _hold_only(files: Sequence[int]) -> None:
    """Number these files from 0 on, and close everything else."""
    beyond = max(*files, len(files)) + 1
    # Out of each other's way first.
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, beyond) for file in files]
    for number, file in enumerate(moved):
        os.dup2(file, number)
    os.closerange(len(files), max(moved) + 1)
    os.closerange(max(moved) + 1, os.sysconf("SC_OPEN_MAX"))
