"""Bad weather: faults that meet calls by chance, a tenth of all, and a count of those they met."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import scalar_row

from pipeline.settings import Settings
from tests.standins import StandIn

SHARE = 0.1
"""Of all calls to a vendor."""

SLOW_DOWN: dict[str, Any] = {
    "kind": "answer",
    "status": 429,
    "headers": {"retry-after": "1"},
    "name": "429",
}
SLOW_DOWN_NO_MORE = {
    "kind": "answer",
    "status": 429,
    "headers": {"retry-after": "0"},
    "name": "429 at once",
}
BROKEN = {"kind": "answer", "status": 500, "body": {}, "name": "500"}
AWAY = {"kind": "answer", "status": 503, "body": {}, "name": "503"}
CUT = {"kind": "cut", "name": "cut"}
LOST = {"kind": "lose", "name": "answer lost"}
MALFORMED = {"kind": "answer", "status": 200, "body": "<html>", "name": "malformed"}

WHISPER = (SLOW_DOWN, SLOW_DOWN_NO_MORE, BROKEN, AWAY, CUT, MALFORMED)
"""No lost answers: the stand-in would really transcribe, and a cut answer is as lost."""
ANALYST = (*WHISPER, LOST)
STORAGE = (BROKEN, AWAY, CUT, LOST)
QUEUE = tuple({**fault, "path": "/v2/publish"} for fault in (SLOW_DOWN, BROKEN, CUT, LOST))


def by_chance(kinds: tuple[dict[str, Any], ...], dice: random.Random) -> list[dict[str, Any]]:
    """These faults, each as likely as the others, together on their share of all calls."""
    # A call meets the first that its dice choose, so each has a little less to choose from.
    each = 1 - (1 - SHARE) ** (1 / len(kinds))
    return [
        {**kind, "times": None, "share": each, "seed": dice.randrange(1 << 30)} for kind in kinds
    ]


@dataclass(frozen=True)
class Met:
    """How often a vendor was called, and how many calls met which fault."""

    calls: int
    faults: dict[str, int]

    @classmethod
    def by(cls, vendor: StandIn, *, path: str = "/") -> Met:
        """So far; only calls whose path begins so."""
        calls = [call for call in vendor.calls() if call["path"].startswith(path)]
        return cls(len(calls), dict(Counter(call["met"] for call in calls if "met" in call)))

    @property
    def answered(self) -> int:
        """How many met none."""
        return self.calls - sum(self.faults.values())


class Lightning:
    """Cuts a connection between the backend and Postgres now and then."""

    def __init__(self, settings: Settings, dice: random.Random) -> None:
        self._url = settings.require("DATABASE_URL").replace("+psycopg", "")
        self._dice = dice
        self.strikes = 0

    def strike(self) -> None:
        """Cut one connection, where there is one."""
        with psycopg.connect(
            self._url, autocommit=True, application_name="test", row_factory=scalar_row
        ) as connection:
            pids = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'rostrum' ORDER BY 1"
            ).fetchall()
            if pids:
                connection.execute("SELECT pg_terminate_backend(%s)", [self._dice.choice(pids)])
                self.strikes += 1
