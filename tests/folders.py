"""Folders that other users may enter: pytest's own are closed to the user that Postgres runs as."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that goes with all that is in it."""
    made = Path(tempfile.mkdtemp(prefix="rostrum-test-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)
