"""What an analysis established: findings with their proof, and what was dropped for want of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.speech.quotes import LocatedQuote


@dataclass(frozen=True, slots=True)
class Finding:
    """An insight with at least one located quote."""

    category: str
    pattern_key: str
    pattern: str
    detail: str
    frequency: int
    """The model's claim."""
    counted: int | None
    """What code counts, where it can."""
    severity: str
    suggestion: str
    examples: tuple[LocatedQuote, ...]


@dataclass(frozen=True, slots=True)
class ProvenStrength:
    """A strength with its located quote."""

    text: str
    quote: LocatedQuote


@dataclass(frozen=True, slots=True)
class Dropped:
    """What is not shown as a finding, and why."""

    kind: str
    """`insight`, `quote` or `strength`."""
    name: str
    """The pattern's or strength's wording."""
    reason: str
    answer: Mapping[str, Any]
    """As the model gave it, for people who judge the model."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands and what does not."""

    findings: tuple[Finding, ...]
    strengths: tuple[ProvenStrength, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """An accepted analysis: what stands, and what it took to get it."""

    summary: str
    focus_next: str
    intent_label: str
    evidence: Evidence
    model: str
    """As the server named itself."""
    prompt_version: str
    schema_version: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal | None
    """US dollars; None where the model's price is unknown."""
