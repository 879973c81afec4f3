"""A folder for one recording under work, which outlives neither the work nor a killed worker."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "rostrum-work-"

log = logging.getLogger(__name__)


@contextmanager
def workspace() -> Iterator[Path]:
    """An empty folder of this worker's own; it goes with all that is in it."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        # The kernel lets go of it when we die, however we die.
        with _held(folder):
            yield folder


def clear_abandoned() -> int:
    """Delete the folders of workers that were killed on this machine; how many there were."""
    cleared = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with _held(folder):
                # An empty one may belong to a worker that is about to take hold of it.
                if any(folder.iterdir()):
                    shutil.rmtree(folder)
                    cleared += 1
        except OSError:
            # In use, gone meanwhile, or another user's.
            continue
    if cleared:
        log.warning("workspaces_cleared", extra={"cleared": cleared})
    return cleared


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the block; BlockingIOError where somebody else does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
