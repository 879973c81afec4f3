"""What a call costs, by a dated table. A model that is not listed has no known cost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

PRICES_CHECKED = "2026-11-24"
"""From the facts measured for this project; check against the provider's price page."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    read: Decimal
    written: Decimal
    most_read: int | None = None
    """Input tokens of one call up to which the price holds; None: any number."""


PRICES = {
    "claude-haiku-5-5": Price(Decimal("0.10"), Decimal("0.50"), most_read=100_000),
    "claude-haiku-4-5": Price(Decimal("1.00"), Decimal("5.00")),
}
PER_MINUTE = {
    "whisper-1": Decimal("0.006"),
    "gpt-transcribe": Decimal("0.0045"),
}
"""US dollars per minute of audio: list prices of speech-to-text models."""
# Prompt caching, relative to the price of reading (Anthropic's documented factors).
CACHE_WRITE_FACTOR = Decimal("1.25")
CACHE_READ_FACTOR = Decimal("0.10")
MILLION = Decimal(1_000_000)
_DATED = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call used, by kind."""

    read: int = 0
    """Input that was neither read from nor written to the cache."""
    written: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        """Both calls together."""
        return Tokens(
            self.read + other.read,
            self.written + other.written,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


def cost_usd(model: str, tokens: Tokens) -> Decimal | None:
    """Dollars for one call, by the model's name with or without a date; None if not known."""
    price = PRICES.get(_DATED.sub("", model))
    given = tokens.read + tokens.cache_read + tokens.cache_write
    if price is None or (price.most_read is not None and given > price.most_read):
        return None
    input_side = (
        tokens.read
        + tokens.cache_read * CACHE_READ_FACTOR
        + tokens.cache_write * CACHE_WRITE_FACTOR
    )
    return (input_side * price.read + tokens.written * price.written) / MILLION


def total_usd(calls: Iterable[tuple[str, Tokens]]) -> Decimal | None:
    """Dollars for several calls, each by its own model; None as soon as one is not known."""
    total = Decimal(0)
    for model, tokens in calls:
        cost = cost_usd(model, tokens)
        if cost is None:
            return None
        total += cost
    return total
