"""Answers as Claude gives them, one message a file, on the talk of `tests/talks.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def message(name: str, **change: Any) -> dict[str, Any]:
    """The file as a stand-in's fault: the next call is answered so."""
    body: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return {"kind": "answer", "status": 200, "body": {**body, **change}}
