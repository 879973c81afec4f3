"""Every way in which a vendor fails, as one table, and what a delivery makes of each.

What the queue is told, what the session says, and how often the vendor was called: once a
delivery, for the queue does the retries.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Literal
from uuid import UUID

from tests.backend.api import Api, problem
from tests.standins import StandIn

TELLTALE = "what-the-vendor-said-0xC0FFEE"
"""In each answer of a vendor; it must reach nobody."""


def says(status: int, body: Any = None, **headers: str) -> dict[str, Any]:
    """A vendor that answers every call so."""
    return {
        "kind": "answer",
        "status": status,
        "body": {"error": {"message": TELLTALE}} if body is None else body,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "times": None,
    }


@dataclass(frozen=True)
class Trouble:
    """A fault, and the code that it becomes at each vendor."""

    fault: dict[str, Any]
    whisper: str
    claude: str
    storage: str = "STORAGE_UNAVAILABLE"
    retry_after: str | None = None
    """What the vendor asks for, in seconds, and the queue is told."""


T_AWAY, T_REFUSED = "TRANSCRIPTION_UNAVAILABLE", "TRANSCRIPTION_REJECTED"
A_AWAY, A_REFUSED = "ANALYSIS_UNAVAILABLE", "ANALYSIS_REJECTED"
S_AWAY, SLOW_DOWN, LATE = "STORAGE_UNAVAILABLE", "RATE_LIMITED", "TIMEOUT"
FOR_GOOD = {T_REFUSED, A_REFUSED, "ANALYSIS_INVALID", "AUDIO_MISSING"}

DAY_AFTER_NEXT = formatdate(time.time() + 2 * 86_400, usegmt=True)
YESTERDAY = formatdate(time.time() - 86_400, usegmt=True)

TROUBLES = {
    "400": Trouble(says(400), T_REFUSED, A_REFUSED),
    "401": Trouble(says(401), T_AWAY, A_AWAY),
    "403": Trouble(says(403), T_AWAY, A_AWAY),
    "404": Trouble(says(404), T_AWAY, A_AWAY),
    "408": Trouble(says(408), LATE, LATE),
    "413": Trouble(says(413), T_REFUSED, A_REFUSED),
    "422": Trouble(says(422), T_REFUSED, A_REFUSED),
    "429": Trouble(says(429), SLOW_DOWN, SLOW_DOWN),
    "429, 7 s": Trouble(says(429, retry_after="7"), SLOW_DOWN, SLOW_DOWN, retry_after="7"),
    "429, in two days": Trouble(
        says(429, retry_after=DAY_AFTER_NEXT), SLOW_DOWN, SLOW_DOWN, retry_after="86400"
    ),
    "500": Trouble(says(500), T_AWAY, A_AWAY),
    "503": Trouble(says(503), T_AWAY, A_AWAY),
    "503, 11 s": Trouble(says(503, retry_after="11"), T_AWAY, A_AWAY, retry_after="11"),
    "504, 5 s": Trouble(says(504, retry_after="5"), LATE, LATE, retry_after="5"),
    "529": Trouble(says(529), T_AWAY, A_AWAY),
    "529, 3 s": Trouble(says(529, retry_after="3"), T_AWAY, A_AWAY, retry_after="3"),
    "cut mid-body": Trouble({"kind": "cut", "times": None}, T_AWAY, A_AWAY),
    "not JSON": Trouble(says(200, f"{{{TELLTALE}"), T_AWAY, A_AWAY),
    "a web page": Trouble(
        says(200, f"<html>{TELLTALE}</html>", content_type="text/html"), T_AWAY, A_AWAY
    ),
    "not UTF-8": Trouble(says(200, "{}", content_encoding="gzip"), T_AWAY, A_AWAY),
    "another object": Trouble(says(200, {"said": TELLTALE}), T_AWAY, A_AWAY),
    "a list": Trouble(says(200, [TELLTALE]), T_AWAY, A_AWAY),
    "null": Trouble(says(200, "null"), T_AWAY, A_AWAY),
    "nothing": Trouble(says(200, ""), T_AWAY, A_AWAY),
    "bottomless": Trouble(says(200, "[" * 50_000), T_AWAY, A_AWAY),
}


LOST = {"kind": "lose", "times": None}
"""The work is done, and its answer lost."""


@dataclass(frozen=True)
class Outcome:
    """What one delivery came to."""

    status: int
    code: str
    retry_after: str | None
    non_retryable: str | None
    recorded: tuple[str, bool, bool]
    """What the session says: code, retryable, willRetry."""
    calls: int
    """How often the vendor was called."""


def ends(code: str, *, retry_after: str | None = None, calls: int = 1) -> Outcome:
    """What a delivery must come to that ends in this code."""
    if code in FOR_GOOD:
        return Outcome(489, code, None, "true", (code, False, False), calls)
    return Outcome(503, code, retry_after, None, (code, True, True), calls)


def outcome(
    api: Api,
    vendor: StandIn,
    *faults: dict[str, Any],
    method: str = "POST",
    session_id: UUID | None = None,
) -> Outcome:
    """Deliver a session, a new one where none is named, while the vendor misbehaves."""
    session_id = session_id or api.world.upload()
    vendor.behave()
    vendor.misbehave(*faults)

    answer = api.process(session_id)

    shown = api.client.get(f"/api/sessions/{session_id}")
    assert TELLTALE not in answer.text + shown.text
    assert shown.json()["status"] == "FAILED"
    error = shown.json()["error"]
    status, code = problem(answer)
    return Outcome(
        status,
        code,
        answer.headers.get("Retry-After"),
        answer.headers.get("Upstash-NonRetryable-Error"),
        (error["code"], error["retryable"], error["willRetry"]),
        len([call for call in vendor.calls() if call["method"] == method]),
    )


def rows_of(vendor: Literal["whisper", "claude", "storage"]) -> dict[str, tuple[Any, Outcome]]:
    """What the table expects of one vendor: fault and outcome by name."""
    return {
        name: (row.fault, ends(getattr(row, vendor), retry_after=row.retry_after))
        for name, row in TROUBLES.items()
    }


def expected_of(rows: Mapping[str, tuple[Any, Outcome]]) -> dict[str, Outcome]:
    """The outcomes alone."""
    return {name: expected for name, (_, expected) in rows.items()}
