"""What can be measured of a talk, by code, with the source of each formula (speech.md §5).

D is the time from the first word's start to the last word's end in seconds, W the words
without filler sounds, F the fillers. Absent is absent, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median, pstdev

from pipeline.speech.fillers import SOUNDS, Moment, Talk, fillers_in
from pipeline.speech.habits import (
    HEDGES,
    INTENSIFIERS,
    VAGUE,
    commonest_opener,
    moments_of,
    repeats_in,
    sentence_lengths,
)
from pipeline.speech.transcript import Silence, Transcript

FORMULA_VERSION = "1"
SHORTEST_SECONDS = 30.0
SHORTEST_WORDS = 50
"""Below either, rates would be noise."""
PACE_BAND = (120.0, 160.0)
"""Words a minute; published bands differ: 100–165 (Microsoft Speaker Coach), 130–175 (Read.ai)."""
WINDOW_SECONDS = 30.0
WINDOW_STEP_SECONDS = 10.0
MONOTONE_VARIATION = 0.10
"""Below this a talk's pace reads as monotone (house value)."""
FILLERS_FINE = 5.0
FILLERS_HARMFUL = 12.0
"""Fillers a minute (Laske & DiGennaro Reed 2024)."""
PAUSE_SECONDS = 0.25
"""Shorter silences belong to articulation (Campione & Véronis 2002)."""
VERY_LONG_PAUSE_SECONDS = 3.0
"""Lundholm Fors 2015."""
OPENER_NOTED = 0.20
SENTENCE_BAND = (12.0, 20.0)
"""Median words (house value)."""
MATTR_WINDOW = 50
"""Covington & McFall 2010."""

TIMED = "words and measured silence"
UNTIMED = "from words only"
ESTIMATED = "words without times; the span of speech is measured"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, and what it rests on."""

    name: str
    label: str
    value: float
    unit: str
    numerator: float | None
    denominator: float | None
    formula_version: str
    band: str | None
    """How the value reads: `within`, `below`, `above`, `fine`, `noted`, `harmful`, `monotone`;
    None where no band is published or chosen."""
    basis: str
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that can be said of a talk in figures."""

    metrics: tuple[Metric, ...]
    note: str | None
    """Why rates are missing, where they are."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The stretch from first to last word."""

    start: float
    end: float
    basis: str

    @property
    def seconds(self) -> float:
        return self.end - self.start


def measure(transcript: Transcript) -> Measurement:
    """Every metric that this transcript can carry."""
    talk = Talk(transcript)
    words = [i for i, key in enumerate(talk.keys) if key not in SOUNDS]
    span = _span(talk)
    pauses = _pauses(transcript.silences, span)
    if span.seconds < SHORTEST_SECONDS or len(words) < SHORTEST_WORDS:
        note = (
            f"Too short to tell: rates need {SHORTEST_SECONDS:.0f} seconds and "
            f"{SHORTEST_WORDS} words; this talk has {span.seconds:.0f} seconds and "
            f"{len(words)} words."
        )
        return Measurement((), note)
    metrics = [
        *_pace(talk, words, span, pauses),
        _fillers(talk, span),
        *_pause_metrics(pauses, span),
        *_wording(talk, len(words)),
        _repeats(talk, span),
        *_sentences(talk.text),
        *_diversity(talk, words),
    ]
    untimed = "This transcript has no word times: pace over time and some moments are missing."
    return Measurement(tuple(metrics), None if transcript.has_times else untimed)


def _span(talk: Talk) -> _Span:
    """From the first word to the last, by their times or else by the measured silence."""
    timed = [time for time in talk.times if time[0] is not None and time[1] is not None]
    if talk.transcript.has_times and timed:
        return _Span(timed[0][0] or 0.0, timed[-1][1] or 0.0, TIMED)
    start, end = 0.0, talk.transcript.duration
    for silence in talk.transcript.silences:
        if silence.start <= 0:
            start = silence.end
        if silence.end >= talk.transcript.duration:
            end = silence.start
    return _Span(start, max(start, end), ESTIMATED)


def _pauses(silences: tuple[Silence, ...], span: _Span) -> list[Silence]:
    """Silences within the span, cut to it."""
    cut = [Silence(max(s.start, span.start), min(s.end, span.end)) for s in silences]
    return [pause for pause in cut if pause.seconds >= PAUSE_SECONDS]


def _metric(
    name: str,
    label: str,
    value: float,
    unit: str,
    *,
    of: tuple[float, float] | None = None,
    band: str | None = None,
    basis: str = UNTIMED,
    moments: tuple[Moment, ...] = (),
) -> Metric:
    numerator, denominator = of or (None, None)
    return Metric(
        name=name,
        label=label,
        value=round(value, 3),
        unit=unit,
        numerator=numerator,
        denominator=denominator,
        formula_version=FORMULA_VERSION,
        band=band,
        basis=basis,
        moments=moments,
    )


def _between(value: float, band: tuple[float, float]) -> str:
    low, high = band
    if value < low:
        return "below"
    return "above" if value > high else "within"


def _pace(talk: Talk, words: list[int], span: _Span, pauses: list[Silence]) -> list[Metric]:
    """Pace 60·W/D; articulation rate 60·W/(D − silence); variation as CV of 30 s windows."""
    count = len(words)
    pace = 60 * count / span.seconds
    metrics = [
        _metric(
            "pace",
            "Pace",
            pace,
            "words/min",
            of=(count, span.seconds),
            band=_between(pace, PACE_BAND),
            basis=span.basis,
        )
    ]
    speaking = span.seconds - sum(pause.seconds for pause in pauses)
    if pauses and speaking > 0:
        metrics.append(
            _metric(
                "articulation_rate",
                "Articulation rate",
                60 * count / speaking,
                "words/min",
                of=(count, speaking),
                basis=span.basis,
            )
        )
    variation = _variation([talk.times[i][0] for i in words], span)
    if variation is not None:
        band = "monotone" if variation < MONOTONE_VARIATION else "fine"
        metrics.append(
            _metric("pace_variation", "Pace variation", variation, "CV", band=band, basis=TIMED)
        )
    return metrics


def _variation(starts: list[float | None], span: _Span) -> float | None:
    """Coefficient of variation of the words in sliding windows; None below three windows."""
    times = [start for start in starts if start is not None]
    if span.basis != TIMED or span.seconds < WINDOW_SECONDS + 2 * WINDOW_STEP_SECONDS:
        return None
    counts = []
    begin = span.start
    while begin + WINDOW_SECONDS <= span.end:
        counts.append(sum(begin <= time < begin + WINDOW_SECONDS for time in times))
        begin += WINDOW_STEP_SECONDS
    mean = fmean(counts)
    return pstdev(counts) / mean if mean else None


def _fillers(talk: Talk, span: _Span) -> Metric:
    found = fillers_in(talk)
    rate = 60 * len(found) / span.seconds
    band = "fine" if rate <= FILLERS_FINE else "noted"
    return _metric(
        "fillers_per_minute",
        "Fillers per minute",
        rate,
        "per min",
        of=(len(found), span.seconds),
        band="harmful" if rate >= FILLERS_HARMFUL else band,
        basis=span.basis,
        moments=found,
    )


def _pause_metrics(pauses: list[Silence], span: _Span) -> list[Metric]:
    if not pauses:
        return []
    lengths = [pause.seconds for pause in pauses]
    silent = sum(lengths)
    very_long = sum(length >= VERY_LONG_PAUSE_SECONDS for length in lengths)
    basis = "measured silence"
    return [
        _metric("pauses", "Pauses", len(lengths), "pauses", basis=basis),
        _metric("pause_median", "Median pause", median(lengths), "s", basis=basis),
        _metric(
            "pause_share",
            "Share of pauses",
            100 * silent / span.seconds,
            "%",
            of=(silent, span.seconds),
            basis=basis,
        ),
        _metric("pause_longest", "Longest pause", max(lengths), "s", basis=basis),
        _metric("pauses_very_long", "Pauses of 3 s and more", very_long, "pauses", basis=basis),
    ]


def _wording(talk: Talk, words: int) -> list[Metric]:
    """Hedges, vague words and weak intensifiers per 100 words."""
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
            _metric(name, label, rate, "per 100 words", of=(len(found), words), moments=found)
        )
    return metrics


def _repeats(talk: Talk, span: _Span) -> Metric:
    """Repeated words and restarts a minute (Toastmasters' Ah-Counter)."""
    found = repeats_in(talk)
    return _metric(
        "repeats_per_minute",
        "Repeats and restarts per minute",
        60 * len(found) / span.seconds,
        "per min",
        of=(len(found), span.seconds),
        basis=span.basis,
        moments=found,
    )


def _sentences(text: str) -> list[Metric]:
    lengths = sorted(sentence_lengths(text))
    opener = commonest_opener(text)
    if not lengths or opener is None:
        return []
    middle = median(lengths)
    long_end = lengths[min(len(lengths) - 1, int(0.9 * len(lengths)))]
    share = opener.sentences / opener.total
    return [
        _metric(
            "opener_share",
            f"Sentences that begin with “{opener.word}”",
            100 * share,
            "%",
            of=(opener.sentences, opener.total),
            band="noted" if share > OPENER_NOTED and opener.sentences > 1 else "fine",
        ),
        _metric(
            "sentence_median",
            "Median sentence",
            middle,
            "words",
            band=_between(middle, SENTENCE_BAND),
        ),
        _metric("sentence_p90", "Long sentences (90th percentile)", long_end, "words"),
    ]


def _diversity(talk: Talk, words: list[int]) -> list[Metric]:
    """MATTR: the mean share of different words in every window of 50 (Covington & McFall 2010)."""
    keys = [talk.keys[i] for i in words]
    if len(keys) < MATTR_WINDOW:
        return []
    windows = range(len(keys) - MATTR_WINDOW + 1)
    value = fmean(len(set(keys[i : i + MATTR_WINDOW])) / MATTR_WINDOW for i in windows)
    return [_metric("lexical_diversity", "Lexical diversity (MATTR-50)", value, "share")]
