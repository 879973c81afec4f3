"""A recording under work outlives neither the work nor a worker that was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.workspace import PREFIX, clear_abandoned, workspace

WORKER = """
import sys, time
from pipeline.workspace import workspace
with workspace() as folder:
    (folder / "recording").write_bytes(b"speech")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_workspace_goes_with_all_that_is_in_it() -> None:
    with workspace() as folder:
        (folder / "recording").write_bytes(b"speech")

    assert not folder.exists()


def test_what_a_killed_worker_left_is_cleared_and_what_is_in_use_is_not(temporary: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    with worker.stdout:
        left = Path(worker.stdout.readline().strip())
    assert clear_abandoned() == 0, "its worker lives"
    worker.kill()
    worker.wait()

    with workspace() as used:
        (used / "recording").write_bytes(b"speech")
        assert clear_abandoned() == 1
        assert (used / "recording").exists()
    assert not left.exists()


def test_folders_of_others_are_left_alone(temporary: Path) -> None:
    (temporary / "rostrum-test-x").mkdir()
    (temporary / "rostrum-test-x" / "file").write_bytes(b"x")
    (temporary / f"{PREFIX}file").write_bytes(b"not a folder")

    assert clear_abandoned() == 0
    assert (temporary / "rostrum-test-x" / "file").exists()
