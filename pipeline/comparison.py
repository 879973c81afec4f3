"""Two runs of one session beside each other: what both found, what only one, and what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from pipeline.database import reading
from pipeline.database.engine import transaction
from pipeline.errors import NotFound
from pipeline.services import Services
from pipeline.session import Insight, Metric, RunResults


@dataclass(frozen=True, slots=True)
class FoundTwice:
    """A habit that both runs found."""

    first: Insight
    second: Insight

    @property
    def severity_changed(self) -> bool:
        """The two runs find it more or less severe."""
        return self.first.severity != self.second.severity


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric that is not the same in both runs."""

    label: str
    unit: str
    first: float | None
    second: float | None
    """None where that run does not have it."""
    same_formula: bool
    """Otherwise the two figures cannot be compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one session."""

    first: RunResults
    second: RunResults
    both: tuple[FoundTwice, ...]
    only_first: tuple[Insight, ...]
    only_second: tuple[Insight, ...]
    differences: tuple[Difference, ...]
    same_metrics: int
    """How many figures are the same in both."""


def compare(services: Services, session_id: UUID, first_id: UUID, second_id: UUID) -> Comparison:
    """Put two completed runs of a session beside each other.

    Raises:
        NotFound: no such session, or it has no such completed run.
    """
    with transaction(services.engine) as db:
        first = reading.run_results(db, session_id, first_id)
        second = reading.run_results(db, session_id, second_id)
    if first is None or second is None:
        raise NotFound("This session has no such completed run; it may have been deleted.")
    return compared(first, second)


def compared(first: RunResults, second: RunResults) -> Comparison:
    """What two results have in common: a habit is known by its pattern's key.

    Of several insights on one key the first goes with the first, the second with the second.
    """
    waiting: defaultdict[str, list[Insight]] = defaultdict(list)
    for insight in second.insights:
        waiting[insight.pattern_key].append(insight)
    both, only_first = [], []
    for insight in first.insights:
        if waiting[insight.pattern_key]:
            both.append(FoundTwice(insight, waiting[insight.pattern_key].pop(0)))
        else:
            only_first.append(insight)
    taken = {pair.second.id for pair in both}
    differences, same = _differences(first.metrics, second.metrics)
    return Comparison(
        first=first,
        second=second,
        both=tuple(both),
        only_first=tuple(only_first),
        only_second=tuple(insight for insight in second.insights if insight.id not in taken),
        differences=differences,
        same_metrics=same,
    )


def _differences(
    first: Iterable[Metric], second: Iterable[Metric]
) -> tuple[tuple[Difference, ...], int]:
    """The metrics that differ, and how many do not."""
    before, after = ({metric.name: metric for metric in side} for side in (first, second))
    found, same = [], 0
    for name, either in {**after, **before}.items():
        old, new = before.get(name), after.get(name)
        if old and new and (old.value, old.formula_version) == (new.value, new.formula_version):
            same += 1
            continue
        found.append(
            Difference(
                label=either.label,
                unit=either.unit,
                first=old.value if old else None,
                second=new.value if new else None,
                same_formula=not (old and new) or old.formula_version == new.formula_version,
            )
        )
    return tuple(found), same
