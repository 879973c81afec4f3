"""A run as a record: kept in a file, held against its goals, the last run and other prompts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evaluation.score import Found, Scores

RULES = "rostrum-rules"
"""How the local analyst names itself: not a language model, and held to stricter gates."""
LEAST_EVIDENCE_VALID = 0.95
MOST_UNSUPPORTED = 0.02
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One prompt over the golden set."""

    at: datetime
    model: str
    """As the server named itself; empty where no case was answered."""
    prompt: str
    """Name of the prompt file."""
    prompt_version: str
    scores: Scores

    @property
    def is_by_rules(self) -> bool:
        """Whether the local analyst answered."""
        return self.model.startswith(RULES)


def record(run: Run) -> Record:
    """The run as JSON."""
    scores = run.scores
    return {
        "at": run.at.isoformat(),
        "model": run.model,
        "prompt": run.prompt,
        "promptVersion": run.prompt_version,
        "offline": run.is_by_rules,
        "figures": {name: figure(scores) for name, (_, figure) in FIGURES.items()},
        "severityPairs": scores.severity_pairs,
        "failedGates": failed_gates(run),
        "cases": [asdict(case) for case in scores.cases],
    }


def failed_gates(run: Run) -> list[str]:
    """The goals that the run misses, in words; empty: it may be used."""
    scores = run.scores
    misses = []
    if scores.failures:
        misses.append(f"{scores.failures} talks got no analysis")
    if scores.shown_valid not in {None, 1.0}:
        misses.append("a quote that is shown is not in its transcript")
    if run.is_by_rules:
        if scores.unsupported:
            misses.append("the local analyst gave an insight that nothing supports")
        return misses
    if scores.evidence_valid is not None and scores.evidence_valid < LEAST_EVIDENCE_VALID:
        misses.append(f"less than {LEAST_EVIDENCE_VALID:.0%} of the model's quotes were said")
    if scores.unsupported is not None and scores.unsupported > MOST_UNSUPPORTED:
        misses.append(f"more than {MOST_UNSUPPORTED:.0%} of the insights are unsupported")
    return misses


def _of(category: str, figure: Callable[[Found], float | None]) -> Callable[[Scores], Any]:
    return lambda scores: figure(scores.found[category])


def _dollars(scores: Scores) -> float | None:
    return None if scores.cost_usd is None else float(scores.cost_usd)


FIGURES: dict[str, tuple[str, Callable[[Scores], float | None]]] = {
    **{
        f"{category}{name}": (f"{name}, {category}", _of(category, figure))
        for category in ("grammar", "vocabulary", "structure", "all")
        for name, figure in (
            ("Precision", lambda found: found.precision),
            ("Recall", lambda found: found.recall),
            ("F1", lambda found: found.f1),
        )
    },
    "placed": ("Right findings with a labelled quote", lambda s: s.placed),
    "evidenceValid": ("Evidence-valid share of quotes given", lambda s: s.evidence_valid),
    "shownValid": ("Evidence-valid share of quotes shown", lambda s: s.shown_valid),
    "unsupported": ("Unsupported share of insights given", lambda s: s.unsupported),
    "severityKappa": ("Severity, quadratic-weighted kappa", lambda s: s.severity_kappa),
    "severityAgreement": ("Severity, raw agreement", lambda s: s.severity_agreement),
    "failures": ("Talks without an analysis", lambda s: s.failures),
    "costUsd": ("Cost in US dollars", _dollars),
    "p95Seconds": ("p95 latency in seconds", lambda s: s.p95_seconds),
}
"""Each figure by its name in the file: its label for people, and how to get it."""


def keep(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write each record to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for held in records:
        stamp = held["at"].replace(":", "").replace("+0000", "Z")
        path = folder / f"{stamp}-{held['prompt']}.json"
        path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", "utf-8")
        paths.append(path)
    return paths


def last_like(held: Record, folder: Path) -> Record | None:
    """The newest earlier run of the same prompt file, model and talks."""

    def kind(other: Record) -> tuple[object, ...]:
        return (other["model"], other["prompt"], {case["id"] for case in other["cases"]})

    for path in sorted(folder.glob("*.json"), reverse=True):
        other: Record = json.loads(path.read_text("utf-8"))
        if other["at"] < held["at"] and kind(other) == kind(held):
            return other
    return None


def table(records: Sequence[Record], before: Sequence[Record | None]) -> str:
    """A column for each run, and in brackets what changed since the last one like it."""
    width = max(len(label) for label, _ in FIGURES.values())
    lines = [" " * width + "".join(f"{held['promptVersion']:>20}" for held in records)]
    for name, (label, _) in FIGURES.items():
        cells = "".join(
            f"{_cell(held['figures'][name], _figure(last, name)):>20}"
            for held, last in zip(records, before, strict=True)
        )
        lines.append(f"{label:<{width}}{cells}")
    return "\n".join(lines)


def _figure(held: Record | None, name: str) -> float | None:
    return held["figures"].get(name) if held else None


def _cell(value: float | None, last: float | None) -> str:
    if value is None:
        return "–"
    changed = "" if last is None or abs(value - last) < 0.0005 else f" ({value - last:+.3f})"  # noqa: PLR2004 - less does not show
    return f"{value:.3f}{changed}"
