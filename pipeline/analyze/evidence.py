"""Proof: every quote is located in the transcript, or what rests on it is dropped."""

from __future__ import annotations

from pipeline.analyze.schema import Analysis, InsightAnswer
from pipeline.finding import Dropped, Evidence, Finding, ProvenStrength
from pipeline.speech.catalogue import OTHER, PATTERNS
from pipeline.speech.counts import count_pattern
from pipeline.speech.fillers import Talk
from pipeline.speech.quotes import SHORTEST_WORDS, LocatedQuote, QuoteIndex
from pipeline.speech.transcript import Transcript
from pipeline.speech.words import count_words

NOT_SAID = "not in the transcript"
TOO_SHORT = f"fewer than {SHORTEST_WORDS} words prove nothing"
SAME_PLACE = "the same words as another example"
NO_PROOF = "none of its quotes is in the transcript"
ONLY_SUSPECT = "it rests only on words that were hard to hear"


def prove(analysis: Analysis, transcript: Transcript) -> Evidence:
    """Locate each quote; keep what is proven, and the reasons for the rest."""
    index, talk = QuoteIndex(transcript), Talk(transcript)
    dropped: list[Dropped] = []
    findings = []
    for insight in analysis.insights:
        located = _located(insight, index, dropped)
        if not located:
            dropped.append(_unproven(insight, NO_PROOF))
        elif all(quote.suspect for quote in located):
            dropped.append(_unproven(insight, ONLY_SUSPECT))
        else:
            findings.append(_finding(insight, located, talk))
    strengths = []
    for strength in analysis.strengths:
        quote = index.locate(strength.quote, segment=strength.segment)
        if quote is None:
            reason = _why_not(strength.quote)
            dropped.append(
                Dropped("strength", strength.text, reason, strength.model_dump(by_alias=True))
            )
        elif quote.suspect:
            dropped.append(
                Dropped("strength", strength.text, ONLY_SUSPECT, strength.model_dump(by_alias=True))
            )
        else:
            strengths.append(ProvenStrength(strength.text, quote))
    return Evidence(tuple(findings), tuple(strengths), tuple(dropped))


def _located(
    insight: InsightAnswer, index: QuoteIndex, dropped: list[Dropped]
) -> tuple[LocatedQuote, ...]:
    """The examples that are in the transcript, each at a place of its own."""
    found: list[LocatedQuote] = []
    for example in insight.examples:
        quote = index.locate(example.quote, segment=example.segment)
        if quote is None:
            reason = _why_not(example.quote)
        elif any(_overlap(quote, other) for other in found):
            reason = SAME_PLACE
        else:
            found.append(quote)
            continue
        dropped.append(Dropped("quote", insight.pattern, reason, example.model_dump(by_alias=True)))
    return tuple(found)


def _why_not(quote: str) -> str:
    return TOO_SHORT if count_words(quote) < SHORTEST_WORDS else NOT_SAID


def _overlap(one: LocatedQuote, other: LocatedQuote) -> bool:
    return one.start_offset < other.end_offset and other.start_offset < one.end_offset


def _finding(insight: InsightAnswer, located: tuple[LocatedQuote, ...], talk: Talk) -> Finding:
    known = PATTERNS.get(insight.pattern_key)
    return Finding(
        category=known.category if known else insight.category,
        pattern_key=known.key if known else OTHER,
        pattern=insight.pattern,
        detail=insight.detail,
        frequency=insight.frequency,
        counted=count_pattern(known.key, talk) if known else None,
        severity=insight.severity,
        suggestion=insight.suggestion,
        examples=located,
    )


def _unproven(insight: InsightAnswer, reason: str) -> Dropped:
    return Dropped("insight", insight.pattern, reason, insight.model_dump(by_alias=True))
