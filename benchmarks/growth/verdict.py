"""Whether a statement grows faster than the logarithm of the number of sessions.

Counted is what a statement looks at: each row and each entry of an index that it reads, and each
way down an index. No other work on the machine changes that. For the greatest size b and each
smaller one a (at which Postgres may well read a small table whole, where that is quicker)

    looks(b) ≤ 1.5 × looks(a) × log b / log a × rows(b) / rows(a) + 50

where `rows` are those of the answer (of a count, those counted), and at least one. What a statement
answers must itself be bounded: `rows(b)` is no more than the same without `rows`, or 20,000, which
is the most that any page of ours counts or draws from. And no table that grows is read whole.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.growth.plans import Plan

ALLOWANCE = 1.5
SPARE = 50
"""Another plan for few rows: not growth."""
MOST_ROWS = 20_000
WHOLE = 0.5
"""Who reads more of a table than that, without an index, reads it whole."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One statement of a door at one size: medians over the rounds, of the dearest run in each."""

    blocks: float
    looks: float
    rows: float
    milliseconds: float
    times: float
    """How often a round ran it."""
    scanned: dict[str, float]
    """Table → rows read without an index, at most."""
    shape: str


def costs(rounds: Iterable[Iterable[Plan]]) -> dict[str, Cost]:
    """By the statement's text."""
    runs: dict[str, list[list[Plan]]] = defaultdict(list)
    for plans in rounds:
        by_text: dict[str, list[Plan]] = defaultdict(list)
        for plan in plans:
            by_text[plan.sql].append(plan)
        for sql, same in by_text.items():
            runs[sql].append(same)
    return {sql: _cost(same) for sql, same in runs.items()}


def _cost(rounds: list[list[Plan]]) -> Cost:
    dearest = [max(plans, key=lambda plan: plan.looks) for plans in rounds]
    return Cost(
        blocks=median(plan.blocks for plan in dearest),
        looks=median(plan.looks for plan in dearest),
        rows=median(plan.rows for plan in dearest),
        milliseconds=median(plan.milliseconds for plan in dearest),
        times=median(len(plans) for plans in rounds),
        scanned={name: rows for plan in dearest for name, rows in plan.scanned.items()},
        shape=dearest[-1].shape,
    )


def faults(at: Mapping[int, Cost], growing: Mapping[str, int]) -> list[str]:
    """What is wrong with a statement, by its costs at each size.

    `growing` are the tables that grow, with their rows at the greatest size. One that is small may
    be read whole: that is judged at the greatest size alone. Who stops early reads no table whole.
    """
    sizes = sorted(at)
    found = [
        f"reads {name} whole"
        for name, rows in at[sizes[-1]].scanned.items()
        if name in growing and rows > WHOLE * growing[name]
    ]
    great = sizes[-1]
    for small in sizes[:-1]:
        fault = _growth(at[small], at[great], math.log(great) / math.log(small))
        found += [f"{fault} from {small:,} to {great:,}"] if fault else []
    return found


def _growth(small: Cost, great: Cost, logarithm: float) -> str | None:
    bound = ALLOWANCE * logarithm
    answered = max(great.rows, 1.0) / max(small.rows, 1.0)
    if great.looks > bound * small.looks * max(answered, 1.0) + SPARE:
        return f"{small.looks:.0f} → {great.looks:.0f} looks"
    if great.rows > max(bound * max(small.rows, 1.0) + SPARE, MOST_ROWS):
        return f"{small.rows:.0f} → {great.rows:.0f} rows"
    return None
