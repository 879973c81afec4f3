"""Figures as JSON beside what they were taken with: machine, versions, load, command."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ARTIFACTS = ROOT / "test-artifacts"


def machine(*packages: str) -> dict[str, Any]:
    """What the figures depend on; `packages` are named with their versions."""
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in packages},
        "command": f"python -m {_module()} {' '.join(sys.argv[1:])}".rstrip(),
    }


def _module() -> str:
    """The program, as it was started."""
    main = sys.modules["__main__"].__spec__
    return (main.name if main else sys.argv[0]).removesuffix(".__main__")


def introduce(taken_with: dict[str, Any]) -> None:
    """Say above the tables what they were taken with."""
    versions = ", ".join(f"{name} {number}" for name, number in taken_with["versions"].items())
    say(
        f"{taken_with['taken_at'][:10]}, {taken_with['cores']} cores "
        f"({taken_with['architecture']}), Python {taken_with['python']}, {versions}; "
        f"load {taken_with['load']} at the beginning"
    )


def keep(name: str, taken_with: dict[str, Any], figures: dict[str, Any]) -> None:
    """Write them to `test-artifacts/NAME.json`."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.json"
    path.write_text(json.dumps({"taken_with": taken_with, "figures": figures}, indent=2))
    say(f"\nKept in {path.relative_to(ROOT)}.")


def say(line: str) -> None:
    """To the terminal."""
    print(line, flush=True)  # noqa: T201 - the figures are the product
