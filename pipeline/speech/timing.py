"""Figures of time: pace and its course, articulation, pauses. Seconds throughout."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from statistics import fmean, median, pstdev

from pipeline.speech.bands import Bands, between
from pipeline.speech.fillers import PAUSE_SECONDS, Moment, Talk
from pipeline.speech.metric import SILENCE, TIMED, UNTIMED, Metric, Point, metric
from pipeline.speech.transcript import Silence

WINDOW_SECONDS = 30.0
WINDOW_STEP_SECONDS = 10.0
FEWEST_WINDOWS = 3
"""Fewer have no variation that is worth a word."""
LONG_PAUSE_SECONDS = 1.0
VERY_LONG_PAUSE_SECONDS = 3.0
"""Lundholm Fors 2015."""


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch from the first word to the last."""

    start: float
    end: float
    basis: str

    @property
    def seconds(self) -> float:
        """D."""
        return self.end - self.start


def span_of(talk: Talk) -> Span:
    """From first word start to last word end, or else the recording without silence at its ends."""
    timed = [(start, end) for start, end in talk.times if start is not None and end is not None]
    if talk.transcript.has_times and timed:
        return Span(min(start for start, _ in timed), max(end for _, end in timed), TIMED)
    start, end = 0.0, talk.transcript.duration
    for silence in sorted(talk.transcript.silences, key=lambda silence: silence.start):
        if silence.start <= 0:
            start = silence.end
        if silence.end >= talk.transcript.duration:
            end = silence.start
    return Span(start, max(start, end), UNTIMED)


def pauses_in(talk: Talk, span: Span) -> list[Silence]:
    """Silences within the span, cut to it, of at least a quarter of a second."""
    cut = [
        Silence(max(silence.start, span.start), min(silence.end, span.end))
        for silence in talk.transcript.silences
    ]
    return [pause for pause in cut if pause.seconds >= PAUSE_SECONDS]


def pace_metrics(
    talk: Talk, words: list[int], span: Span, pauses: list[Silence], bands: Bands
) -> list[Metric]:
    """Pace 60·W/D; articulation rate 60·W/(D − silence); variation as CV of 30 s windows.

    The bands of pace are published (see `Bands`), articulation rate is the phonetics convention,
    the threshold of variation is a house value.
    """
    count = len(words)
    pace = 60 * count / span.seconds
    series = _series([talk.times[i][0] for i in words], span)
    found = [
        metric(
            "pace",
            "Pace",
            pace,
            "words/min",
            of=(count, span.seconds),
            band=between(pace, bands.pace),
            limits=bands.pace,
            basis=span.basis,
            series=series,
        )
    ]
    speaking = span.seconds - sum(pause.seconds for pause in pauses)
    if pauses and speaking > 0:
        found.append(
            metric(
                "articulation_rate",
                "Articulation rate",
                60 * count / speaking,
                "words/min",
                of=(count, speaking),
                basis=span.basis,
            )
        )
    mean = fmean(point.value for point in series) if len(series) >= FEWEST_WINDOWS else 0.0
    if mean > 0:
        spread = pstdev(point.value for point in series)
        variation = spread / mean
        found.append(
            metric(
                "pace_variation",
                "Pace variation",
                variation,
                "CV",
                of=(spread, mean),
                band="monotone" if variation < bands.monotone_below else "fine",
                limits=(bands.monotone_below, None),
                basis=TIMED,
            )
        )
    return found


def _series(starts: list[float | None], span: Span) -> tuple[Point, ...]:
    """Words a minute in each 30 s window, every 10 s; none without word times."""
    if span.basis != TIMED:
        return ()
    times = sorted(start for start in starts if start is not None)
    points = []
    for step in range(int((span.seconds - WINDOW_SECONDS) // WINDOW_STEP_SECONDS) + 1):
        begin = span.start + step * WINDOW_STEP_SECONDS
        end = begin + WINDOW_SECONDS
        count = bisect_left(times, end) - bisect_left(times, begin)
        points.append(Point(round(begin, 3), round(end, 3), 60 * count / WINDOW_SECONDS))
    return tuple(points)


def pause_metrics(talk: Talk, span: Span, pauses: list[Silence]) -> list[Metric]:
    """Number, median, share and longest of the pauses, and the long ones with their places.

    A pause is a measured silence of 0.25 s (Campione & Véronis 2002), very long from 3 s on
    (Lundholm Fors 2015). Gaps between words are no measure: engines stretch words over them.
    """
    if not pauses:
        return []
    lengths = [pause.seconds for pause in pauses]
    silent = sum(lengths)
    longest = max(pauses, key=lambda pause: pause.seconds)
    long = [pause for pause in pauses if pause.seconds > LONG_PAUSE_SECONDS]
    very_long = [pause for pause in pauses if pause.seconds >= VERY_LONG_PAUSE_SECONDS]
    return [
        metric(
            "pauses",
            "Pauses",
            len(pauses),
            "pauses",
            basis=SILENCE,
            moments=_pause_moments(talk, pauses),
        ),
        metric("pause_median", "Median pause", median(lengths), "s", basis=SILENCE),
        metric(
            "pause_share",
            "Share of pauses",
            100 * silent / span.seconds,
            "%",
            of=(silent, span.seconds),
            basis=SILENCE,
        ),
        metric(
            "pause_longest",
            "Longest pause",
            longest.seconds,
            "s",
            basis=SILENCE,
            moments=_pause_moments(talk, [longest]),
        ),
        metric(
            "pauses_long",
            "Pauses above 1 s",
            len(long),
            "pauses",
            of=(len(long), len(pauses)),
            basis=SILENCE,
            moments=_pause_moments(talk, long),
        ),
        metric(
            "pauses_very_long",
            "Pauses of 3 s and more",
            len(very_long),
            "pauses",
            of=(len(very_long), len(pauses)),
            basis=SILENCE,
            moments=_pause_moments(talk, very_long),
        ),
    ]


def _pause_moments(talk: Talk, pauses: list[Silence]) -> tuple[Moment, ...]:
    """Each pause with the word before and the word after; none without word times.

    The word after is the first that begins in the pause's second half: see above on word times.
    """
    starts = [start for start, _ in talk.times]
    if not talk.transcript.has_times or any(start is None for start in starts):
        return ()
    known = [start or 0.0 for start in starts]
    moments = []
    for pause in pauses:
        after = bisect_left(known, (pause.start + pause.end) / 2)
        first, end = max(0, after - 1), min(len(known), after + 1)
        beside = talk.moment("pause", first, end)
        moments.append(
            Moment(
                kind="pause",
                text=beside.text,
                start_offset=beside.start_offset,
                end_offset=beside.end_offset,
                segment=beside.segment,
                start=pause.start,
                end=pause.end,
            )
        )
    return tuple(moments)
