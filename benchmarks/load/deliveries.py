"""What the backend itself says of a window: its log has a line for each request it answered."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

PROCESS = "/api/internal/process"


@dataclass
class Told:
    """Of requests that ended within a window."""

    deliveries: Counter[float] = field(default_factory=Counter)
    """By milliseconds, those that completed a session."""
    codes: Counter[str] = field(default_factory=Counter)
    """What came of deliveries."""
    reads: Counter[float] = field(default_factory=Counter)
    """Of `GET /api/…`, by milliseconds, as the server sees them."""
    server_errors: int = 0
    """Answers of any route from 500 on."""

    @property
    def busy_seconds(self) -> float:
        """Seconds that deliveries took, all together."""
        return sum(ms * number for ms, number in self.deliveries.items()) / 1000


def told_by(log: Path, *, begins_at: float, ends_at: float) -> Told:
    """Read a backend's log; times are unix seconds."""
    told = Told()
    with log.open() as lines:
        for raw in lines:
            line = json.loads(raw)
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
            if line["event"] == "request" and begins_at <= at < ends_at:
                _count(told, line)
    return told


def _count(told: Told, line: dict[str, str]) -> None:
    took = float(line["ms"])
    told.server_errors += int(line["status"]) >= 500  # noqa: PLR2004 - HTTP's server errors
    if line["route"] == PROCESS:
        told.codes[line.get("code", "ABORTED")] += 1
        if line.get("code") == "COMPLETED":
            told.deliveries[took] += 1
    elif line["method"] == "GET":
        told.reads[took] += 1
