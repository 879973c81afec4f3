"""Figures of words: fillers, hedges, repeats, sentences and their openers, lexical diversity."""

from __future__ import annotations

from collections import Counter
from math import ceil
from statistics import fmean, median

from pipeline.speech.bands import Bands, between
from pipeline.speech.fillers import Moment, Talk, fillers_in
from pipeline.speech.habits import (
    HEDGES,
    INTENSIFIERS,
    LONG_SENTENCE_WORDS,
    VAGUE,
    moments_of,
    opener_of,
    repeats_in,
    spoken_sentences,
)
from pipeline.speech.metric import Metric, metric
from pipeline.speech.timing import Span

MATTR_WINDOW = 50
"""Covington & McFall 2010."""
LONG_END = 0.9


def filler_metric(talk: Talk, span: Span, bands: Bands) -> Metric:
    """60·F/D; fine up to 5, harmful from 12 (Laske & DiGennaro Reed 2024)."""
    found = fillers_in(talk)
    rate = 60 * len(found) / span.seconds
    fine, harmful = bands.fillers
    band = "fine" if rate <= fine else "noted"
    return metric(
        "fillers_per_minute",
        "Fillers per minute",
        rate,
        "per min",
        of=(len(found), span.seconds),
        band="harmful" if rate >= harmful else band,
        limits=(None, fine),
        basis=span.basis,
        moments=found,
    )


def weak_word_metrics(talk: Talk, words: int) -> list[Metric]:
    """Hedges, vague words and weak intensifiers per 100 words (Blankenship & Holtgraves 2005).

    No band: what is much for one speaker is little for another.
    """
    kinds = (
        ("hedges", "Hedges", HEDGES, "hedge"),
        ("vague_words", "Vague words", VAGUE, "vague"),
        ("weak_intensifiers", "Weak intensifiers", INTENSIFIERS, "intensifier"),
    )
    metrics = []
    for name, label, phrases, kind in kinds:
        found = moments_of(talk, phrases, kind=kind)
        rate = 100 * len(found) / words
        metrics.append(
            metric(name, label, rate, "per 100 words", of=(len(found), words), moments=found)
        )
    return metrics


def repeat_metrics(talk: Talk, span: Span, *, with_restarts: bool) -> list[Metric]:
    """Repeated words, and restarts by "I mean", a minute (Toastmasters' Ah-Counter)."""
    found = repeats_in(talk)
    kinds = [("repeats_per_minute", "Repeated words per minute", "repeat")]
    if with_restarts:
        kinds.append(("restarts_per_minute", "Restarts per minute", "restart"))
    metrics = []
    for name, label, kind in kinds:
        moments = tuple(moment for moment in found if moment.kind == kind)
        metrics.append(
            metric(
                name,
                label,
                60 * len(moments) / span.seconds,
                "per min",
                of=(len(moments), span.seconds),
                basis=span.basis,
                moments=moments,
            )
        )
    return metrics


def sentence_metrics(talk: Talk, bands: Bands) -> list[Metric]:
    """Share of the commonest opener; median and 90th percentile of sentence length in words.

    House values all. Readability formulas (textstat has them) are none of these: they were fitted
    to written school texts, and rest on punctuation, which here is the engine's.
    """
    sentences = spoken_sentences(talk)
    opener = opener_of(sentences)
    if opener is None:
        return []
    lengths = sorted(len(words) for _, words in sentences)
    middle = median(lengths)
    share = 100 * opener.sentences / opener.total
    long = [sentence for sentence, words in sentences if len(words) > LONG_SENTENCE_WORDS]
    noted = share > bands.opener_noted_above and opener.sentences > 1
    return [
        metric(
            "opener_share",
            f"Sentences that begin with “{opener.word}”",
            share,
            "%",
            of=(opener.sentences, opener.total),
            band="noted" if noted else "fine",
            limits=(None, bands.opener_noted_above),
            moments=_openers(talk, sentences, opener.word),
        ),
        metric(
            "sentence_median",
            "Median sentence",
            middle,
            "words",
            band=between(middle, bands.sentence_median),
            limits=bands.sentence_median,
        ),
        metric(
            "sentence_p90",
            "Long sentences (90th percentile)",
            lengths[ceil(LONG_END * len(lengths)) - 1],
            "words",
            moments=tuple(talk.moment("long_sentence", s.start, s.stop) for s in long),
        ),
    ]


def _openers(
    talk: Talk, sentences: list[tuple[range, list[str]]], opener: str
) -> tuple[Moment, ...]:
    """Where the sentences begin that begin with this word."""
    begins = [
        next(i for i in sentence if talk.keys[i] == opener)
        for sentence, words in sentences
        if words[0] == opener
    ]
    return tuple(talk.moment("opener", begin, begin + 1) for begin in begins)


def diversity_metrics(keys: list[str]) -> list[Metric]:
    """MATTR: the mean share of different words in every window of 50 (Covington & McFall 2010).

    A trend only, and never TTR, which falls with a talk's length. Our own: lexicalrichness, which
    has it, brings scipy, matplotlib and textblob, and counts each window anew.
    """
    if len(keys) < MATTR_WINDOW:
        return []
    held = Counter(keys[:MATTR_WINDOW])
    different = [len(held)]
    for leaving, coming in zip(keys, keys[MATTR_WINDOW:], strict=False):
        held[coming] += 1
        held[leaving] -= 1
        if not held[leaving]:
            del held[leaving]
        different.append(len(held))
    value = fmean(different) / MATTR_WINDOW
    return [metric("lexical_diversity", "Lexical diversity (MATTR-50)", value, "share")]
