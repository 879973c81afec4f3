"""The speech model's weights: joined once, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.child import PartFailed
from local.weights import PACKAGES, SHA256, model_path

ROOT = Path(__file__).parent.parent.parent
PRINT_MODEL = (
    f"import sys; sys.path.append({str(ROOT)!r}); from pathlib import Path; "
    "from local.weights import model_path; print(model_path(Path(sys.argv[1])))"
)
"""The folder of the project stands last, so that a test can put packages before it."""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that goes at once: pytest would keep 145 MB for each of three runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def joining(data_dir: Path, *options: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, "-c", PRINT_MODEL, str(data_dir)],
        env={**os.environ, **env},
        cwd=data_dir,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def weights_of(data_dir: Path) -> Path:
    return Path(model_path(data_dir), "model.bin")


def test_the_joined_weights_are_the_pinned_ones(data_dir: Path) -> None:
    assert hashlib.sha256(weights_of(data_dir).read_bytes()).hexdigest() == SHA256


def test_a_second_start_takes_the_same_copy(data_dir: Path) -> None:
    first = weights_of(data_dir).stat()
    assert weights_of(data_dir).stat().st_ino == first.st_ino


def test_a_damaged_copy_is_made_anew(data_dir: Path) -> None:
    whole = weights_of(data_dir).stat().st_size
    os.truncate(weights_of(data_dir), 1000)
    assert weights_of(data_dir).stat().st_size == whole


def test_a_copy_without_its_mark_is_made_anew(data_dir: Path) -> None:
    first = weights_of(data_dir)
    first.with_name("checked.json").unlink()
    before = first.stat().st_ino
    assert weights_of(data_dir).stat().st_ino != before


def test_what_a_killed_start_left_is_cleared(data_dir: Path) -> None:
    left = data_dir / "models" / "joining-killed"
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(b"half of it")
    weights_of(data_dir)
    assert not left.exists()


def test_processes_that_start_together_share_one_copy(data_dir: Path) -> None:
    started = [joining(data_dir) for _ in range(3)]
    told = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    assert len({path for path, _ in told}) == 1
    assert [folder.name for folder in (data_dir / "models").iterdir() if folder.is_dir()] == [
        Path(told[0][0].strip()).name
    ]


def test_other_weights_are_refused_and_nothing_is_left(data_dir: Path, tmp_path: Path) -> None:
    for number, package in enumerate(PACKAGES, start=1):
        data = tmp_path / package / "data"
        data.mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(b"not the weights")
    process = joining(data_dir, PYTHONPATH=str(tmp_path))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The joined speech model is not the pinned one." in said
    assert [path.name for path in (data_dir / "models").iterdir()] == [".lock"]


def test_a_missing_package_is_named_with_its_remedy(data_dir: Path) -> None:
    process = joining(data_dir, "-S")  # without site-packages
    _, said = process.communicate(timeout=60)
    assert f"The package {PACKAGES[0]} is missing. Run `make setup`." in said


def test_a_folder_of_ones_own_comes_first(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.bin").touch()
    monkeypatch.setenv("WHISPER_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("WHISPER_MODEL_HUB", "small.en")
    assert model_path(data_dir) == str(tmp_path)


def test_a_folder_without_a_model_is_named(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPER_MODEL_DIR", str(tmp_path))
    with pytest.raises(PartFailed, match=f"WHISPER_MODEL_DIR is {tmp_path}, but"):
        model_path(data_dir)


def test_a_hub_name_is_passed_on_and_nothing_is_joined(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPER_MODEL_HUB", "small.en")
    assert model_path(data_dir) == "small.en"
    assert not (data_dir / "models").exists()
