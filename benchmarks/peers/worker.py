"""What the workers of all peers begin with: settings of the environment, and where they tell."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

READY = "ready"
"""The file that says: this worker takes jobs."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a worker was started."""

    at_once: int
    folder: Path
    """Of this worker alone, for recordings under work."""

    def ready(self) -> None:
        """Tell that jobs are taken from now on."""
        (self.folder / READY).touch()


def ordered() -> Order:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at-once", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    return Order(asked.at_once, asked.folder)
