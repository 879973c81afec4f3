"""What a provider says about when to try again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 86_400.0


def seconds_in(headers: Mapping[str, str]) -> float | None:
    """The seconds that a `Retry-After` header asks for, as a number or a date; at most a day.

    None where the header is absent or says nothing readable.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    if seconds != seconds:  # noqa: PLR0124 - the way to ask for NaN
        return None
    return min(max(seconds, 0.0), LONGEST_SECONDS)
