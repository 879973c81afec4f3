"""One figure of a talk: its value, what it was reckoned from, and where in the talk it shows."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.speech.fillers import Moment

FORMULA_VERSION = "2"
"""Grows with each change of a formula: figures of different versions are not compared."""

TIMED = "words and measured silence"
SILENCE = "measured silence"
WORDS = "from words only"
UNTIMED = "words without times; the span of speech is measured"


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one window of a series."""

    start: float
    end: float
    """Seconds."""
    value: float


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
    low: float | None = None
    high: float | None = None
    """The band's limits as they were set when this was reckoned; None where it is open."""
    series: tuple[Point, ...] = ()
    """The value over time, where it has one."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that can be said of a talk in figures."""

    metrics: tuple[Metric, ...]
    note: str | None
    """Why figures are missing, where they are."""


def metric(
    name: str,
    label: str,
    value: float,
    unit: str,
    *,
    of: tuple[float, float] | None = None,
    band: str | None = None,
    limits: tuple[float | None, float | None] = (None, None),
    basis: str = WORDS,
    moments: tuple[Moment, ...] = (),
    series: tuple[Point, ...] = (),
) -> Metric:
    """A figure to three decimals; `of` is numerator and denominator."""
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
        low=limits[0],
        high=limits[1],
        series=series,
    )


_ONE = {"pauses": "pause", "words": "word"}


def digits(value: float) -> str:
    """A figure to three digits, which is more than any of these measures can tell: `2.88`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def with_unit(value: float, unit: str) -> str:
    """The same with its unit: `162 words/min`, `1 pause`."""
    shown = digits(value)
    return f"{shown} {_ONE.get(unit, unit) if shown == '1' else unit}"
