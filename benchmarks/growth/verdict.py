"""Whether a statement grows faster than the logarithm of the number of sessions.

Counted are blocks (of 8 KB) that a statement looks at: no other work on the machine changes them.
The way down an index is as long as the logarithm of its rows, so between two sizes a < b

    blocks(b) ≤ 1.5 × blocks(a) × log b / log a × rows(b) / rows(a) + 24

where `rows` are those of the answer (of a count, those counted), and at least one. What a statement
answers must itself be bounded: `rows(b)` is no more than the same without `rows`, or 20,000, which
is the most that any page of ours counts or draws from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.growth.plans import Plan

ALLOWANCE = 1.5
SPARE_BLOCKS = 24
"""A page that was split, a list of free space, a first look at a row: not growth."""
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Cost:
    """One statement of a door at one size: medians over the rounds, of the dearest run in each."""

    blocks: float
    rows: float
    milliseconds: float
    times: float
    """How often a round ran it."""
    read_whole: tuple[str, ...]
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
    dearest = [max(plans, key=lambda plan: plan.blocks) for plans in rounds]
    return Cost(
        blocks=median(plan.blocks for plan in dearest),
        rows=median(plan.rows for plan in dearest),
        milliseconds=median(plan.milliseconds for plan in dearest),
        times=median(len(plans) for plans in rounds),
        read_whole=tuple(sorted({name for plan in dearest for name in plan.read_whole})),
        shape=dearest[-1].shape,
    )


def faults(at: Mapping[int, Cost], growing: frozenset[str]) -> list[str]:
    """What is wrong with a statement, by its costs at each size; `growing` are tables that grow.

    A table that is small may be read whole: it is judged at the greatest size alone.
    """
    sizes = sorted(at)
    found = [f"reads {name} whole" for name in at[sizes[-1]].read_whole if name in growing]
    for place, small in enumerate(sizes):
        found += [
            f"{fault} from {small:,} to {great:,}"
            for great in sizes[place + 1 :]
            if (fault := _growth(at[small], at[great], math.log(great) / math.log(small)))
        ]
    return found


def _growth(small: Cost, great: Cost, logarithm: float) -> str | None:
    bound = ALLOWANCE * logarithm
    answered = max(great.rows, 1.0) / max(small.rows, 1.0)
    if great.blocks > bound * small.blocks * max(answered, 1.0) + SPARE_BLOCKS:
        return f"{small.blocks:.0f} → {great.blocks:.0f} blocks"
    if great.rows > max(bound * max(small.rows, 1.0) + SPARE_BLOCKS, MOST_ROWS):
        return f"{small.rows:.0f} → {great.rows:.0f} rows"
    return None
