"""Proof: every quote is located in the transcript, or what rests on it is dropped."""

from __future__ import annotations

from pipeline.analyze.schema import Analysis, InsightAnswer
from pipeline.finding import Dropped, Evidence, Finding, ProvenStrength
from pipeline.speech.catalogue import OTHER, PATTERNS
from pipeline.speech.counts import count_pattern
from pipeline.speech.quotes import LocatedQuote, QuoteIndex
from pipeline.speech.transcript import Transcript


def prove(analysis: Analysis, transcript: Transcript) -> Evidence:
    """Locate each quote; keep what is proven, and the reasons for the rest."""
    index = QuoteIndex(transcript)
    dropped: list[Dropped] = []
    findings = []
    for insight in analysis.insights:
        located = _located(insight, index, dropped)
        if not located:
            dropped.append(_unproven(insight, "none of its quotes is in the transcript"))
        elif all(quote.suspect for quote in located):
            dropped.append(_unproven(insight, "it rests only on words that were hard to hear"))
        else:
            findings.append(_finding(insight, located, transcript))
    strengths = []
    for strength in analysis.strengths:
        quote = index.locate(strength.quote, segment=strength.segment)
        if quote is None:
            answer = strength.model_dump()
            dropped.append(Dropped("strength", strength.text, "its quote is not there", answer))
        else:
            strengths.append(ProvenStrength(strength.text, quote))
    return Evidence(tuple(findings), tuple(strengths), tuple(dropped))


def _located(
    insight: InsightAnswer, index: QuoteIndex, dropped: list[Dropped]
) -> tuple[LocatedQuote, ...]:
    found = []
    for example in insight.examples:
        quote = index.locate(example.quote, segment=example.segment)
        if quote is None:
            answer = example.model_dump()
            dropped.append(Dropped("quote", insight.pattern, "not in the transcript", answer))
        elif quote not in found:
            found.append(quote)
    return tuple(found)


def _finding(
    insight: InsightAnswer, located: tuple[LocatedQuote, ...], transcript: Transcript
) -> Finding:
    known = PATTERNS.get(insight.pattern_key)
    return Finding(
        category=known.category if known else insight.category,
        pattern_key=known.key if known else OTHER,
        pattern=insight.pattern,
        detail=insight.detail,
        frequency=insight.frequency,
        counted=count_pattern(known.key, transcript) if known else None,
        severity=insight.severity,
        suggestion=insight.suggestion,
        examples=located,
    )


def _unproven(insight: InsightAnswer, reason: str) -> Dropped:
    return Dropped("insight", insight.pattern, reason, insight.model_dump())
