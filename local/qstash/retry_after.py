"""When a failed message comes again: what its destination asked for, else what it was told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from local.qstash import delay

ASKING_HEADERS = (
    "retry-after",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)


def seconds_until_retry(
    headers: Mapping[str, list[str]], *, expression: str | None, retried: int, now: float
) -> float:
    """How long to wait before the next attempt, between 0 and a day.

    `headers` are the answer's, names in lower case; `retried` counts the retries so far, and
    `now` is unix seconds.
    """
    for name in ASKING_HEADERS:
        for value in headers.get(name, []):
            asked = asked_seconds(value, now=now)
            # QStash: what asks for more than a day is not obeyed.
            if asked is not None and asked <= delay.MOST_SECONDS:
                return asked
    if expression is None:
        return delay.default_seconds(retried)
    try:
        return delay.seconds(expression, retried=retried)
    except delay.BadExpression:
        # It had a value when it was published, for another count.
        return delay.default_seconds(retried)


def asked_seconds(value: str, *, now: float) -> float | None:
    """Seconds out of `120`, `6m5s` or an HTTP date; None for anything else."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if len(text) <= delay.MOST_CHARACTERS and _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
