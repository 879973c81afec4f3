"""Scores of a run over the golden set: what was found, what can be believed, what it took.

A finding is right where its pattern key is among the labels of its talk. Precision is the
right share of what was found, recall the found share of what is labelled, F1 their harmonic
mean; counted over all talks together (micro).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from evaluation.answers import Answered
from pipeline.analyze.evidence import NO_PROOF, NOT_SAID, ONLY_SUSPECT, TOO_SHORT
from pipeline.finding import Evidence, Finding
from pipeline.speech.quotes import SHORTEST_WORDS, LocatedQuote, QuoteIndex
from pipeline.speech.transcript import Transcript
from pipeline.speech.words import count_words

CATEGORIES = ("grammar", "vocabulary", "structure")
SEVERITIES = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Found:
    """Right, wrong and missed findings."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        """None where nothing was found."""
        return share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float | None:
        """None where nothing is labelled."""
        return share(self.right, self.right + self.missed)

    @property
    def f1(self) -> float | None:
        """None where there was nothing to find and nothing was."""
        return share(2 * self.right, 2 * self.right + self.wrong + self.missed)


@dataclass(frozen=True, slots=True)
class CaseScore:
    """One talk: keys by how they fared."""

    id: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    missed: tuple[str, ...]
    failure: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The whole run. Shares are from 0 to 1, and None where there is nothing to share."""

    cases: tuple[CaseScore, ...]
    found: dict[str, Found]
    """By category, and under `all`."""
    evidence_valid: float | None
    """Of the quotes that the model gave, those that are in the transcript."""
    shown_valid: float | None
    """Of the quotes that are shown, those that stand in the transcript at their offsets."""
    unsupported: float | None
    """Of the insights that the model gave, those that nothing supports."""
    placed: float | None
    """Of the right findings, those that quote one of the labelled places."""
    severity_kappa: float | None
    severity_agreement: float | None
    """Raw: the share of right findings with the labelled severity."""
    severity_pairs: int
    failures: int
    cost_usd: Decimal | None
    p95_seconds: float


def score(answered: Sequence[Answered]) -> Scores:
    """Everything that is told of a run."""
    judged = [(a.case.transcript, a.judgement.evidence) for a in answered if a.judgement]
    cases = tuple(map(_case_score, answered))
    pairs = [pair for a in answered for pair in _severity_pairs(a)]
    shown = [_stands(quote, heard) for heard, proof in judged for quote in _shown(proof)]
    given, unsupported = _insights_given(proof for _, proof in judged)
    located, quotes = _quotes_given(proof for _, proof in judged)
    costs = [a.judgement.cost_usd for a in answered if a.judgement]
    places = [placed for a in answered for placed in _placed(a)]
    return Scores(
        cases=cases,
        found={
            **{category: _found(answered, cases, category) for category in CATEGORIES},
            "all": _found(answered, cases, None),
        },
        evidence_valid=share(located, quotes),
        shown_valid=share(sum(shown), len(shown)),
        unsupported=share(unsupported, given),
        placed=share(sum(places), len(places)),
        severity_kappa=weighted_kappa(pairs),
        severity_agreement=share(sum(label == said for label, said in pairs), len(pairs)),
        severity_pairs=len(pairs),
        failures=sum(a.failure is not None for a in answered),
        cost_usd=None if None in costs else sum((c for c in costs if c), start=Decimal(0)),
        p95_seconds=percentile([a.seconds for a in answered], 0.95),
    )


def share(part: int, whole: int) -> float | None:
    """A part of a whole; None of nothing."""
    return part / whole if whole else None


def percentile(values: Sequence[float], of: float) -> float:
    """By nearest rank: the smallest value that at least this share does not exceed."""
    return sorted(values)[max(0, math.ceil(of * len(values)) - 1)]


def weighted_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa with quadratic weights (Cohen 1968) of severities, label against answer.

    1 − Σ w·observed / Σ w·expected, w = (i − j)² for the places i and j in low, medium, high;
    `expected` is what the two margins would give by chance. None where chance leaves nothing to
    disagree about.
    """
    ranked = [(SEVERITIES.index(label), SEVERITIES.index(said)) for label, said in pairs]
    observed = sum((i - j) ** 2 for i, j in ranked)
    by_chance = sum((i - j) ** 2 for (i, _), (_, j) in product(ranked, ranked))
    return 1 - observed * len(ranked) / by_chance if by_chance else None


def _findings(answered: Answered) -> dict[str, Finding]:
    """What is shown, the first of each key."""
    findings = answered.judgement.evidence.findings if answered.judgement else ()
    return {finding.pattern_key: finding for finding in reversed(findings)}


def _case_score(answered: Answered) -> CaseScore:
    labelled = {label.key for label in answered.case.patterns}
    found = _findings(answered).keys()
    return CaseScore(
        id=answered.case.id,
        right=tuple(sorted(found & labelled)),
        wrong=tuple(sorted(found - labelled - set(answered.case.tolerated))),
        missed=tuple(sorted(labelled - found)),
        failure=answered.failure,
        seconds=round(answered.seconds, 4),
    )


def _found(answered: Sequence[Answered], cases: Sequence[CaseScore], category: str | None) -> Found:
    # A wrong finding may bear the key `other`: its own category counts then.
    named = {
        (a.case.id, key): finding.category
        for a in answered
        for key, finding in _findings(a).items()
    }

    def count(case: CaseScore, keys: tuple[str, ...]) -> int:
        return sum(
            category is None or named.get((case.id, key), key.partition(".")[0]) == category
            for key in keys
        )

    return Found(
        right=sum(count(case, case.right) for case in cases),
        wrong=sum(count(case, case.wrong) for case in cases),
        missed=sum(count(case, case.missed) for case in cases),
    )


def _severity_pairs(answered: Answered) -> list[tuple[str, str]]:
    found = _findings(answered)
    return [
        (label.severity, found[label.key].severity)
        for label in answered.case.patterns
        if label.key in found
    ]


def _placed(answered: Answered) -> list[bool]:
    """For each right finding, whether it quotes one of the labelled places."""
    index, found = QuoteIndex(answered.case.transcript), _findings(answered)
    return [
        any(
            example.start_offset < place.end_offset and place.start_offset < example.end_offset
            for example in found[label.key].examples
            for place in map(index.locate, label.quotes)
            if place
        )
        for label in answered.case.patterns
        if label.key in found
    ]


def _shown(evidence: Evidence) -> list[LocatedQuote]:
    quotes = [quote for finding in evidence.findings for quote in finding.examples]
    return [*quotes, *(strength.quote for strength in evidence.strengths)]


def _stands(quote: LocatedQuote, transcript: Transcript) -> bool:
    """Looked up anew: the transcript has just these words there, and enough of them."""
    there = transcript.text[quote.start_offset : quote.end_offset]
    return there == quote.text and count_words(there) >= SHORTEST_WORDS


def _insights_given(proofs: Iterable[Evidence]) -> tuple[int, int]:
    """How many insights the model gave, and how many of them nothing supports."""
    given = unsupported = 0
    for proof in proofs:
        lost = sum(
            d.kind == "insight" and d.reason in {NO_PROOF, ONLY_SUSPECT} for d in proof.dropped
        )
        given += len(proof.findings) + lost
        unsupported += lost
    return given, unsupported


def _quotes_given(proofs: Iterable[Evidence]) -> tuple[int, int]:
    """How many quotes of the model are in the transcript, and how many it gave."""
    located = absent = 0
    for proof in proofs:
        located += len(_shown(proof))
        absent += sum(d.reason in {NOT_SAID, TOO_SHORT} for d in proof.dropped)
    return located, located + absent
