"""The course of a talk: its pace with the band shaded, and its pauses; each told in words, too."""

from __future__ import annotations

from statistics import median
from typing import TypeAlias

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.wording import length, plain
from pipeline.session import Metric
from pipeline.speech.transcript import Silence

LONG_PAUSE_SECONDS = 1.0
HEIGHT = 200
Layers: TypeAlias = alt.LayerChart | alt.FacetChart
_MINUTES = alt.Axis(labelExpr="floor(datum.value / 60) + ':' + pad(datum.value % 60, 2, '0')")
_TIME = alt.X("at:Q", title="Time in the talk", axis=_MINUTES)


def draw_pace(metrics: tuple[Metric, ...], *, page: str = "session") -> None:
    """Words a minute over the talk; nothing where the transcript has no times."""
    pace = next((metric for metric in metrics if metric.name == "pace"), None)
    if pace is None or len(pace.series) < 2:  # noqa: PLR2004 - one point is no course
        return
    said = pace_text(pace)
    st.markdown("**Pace over the talk**")
    st.altair_chart(pace_chart(pace), key=f"{page}_pace", alt=said)
    st.caption(plain(said))


def draw_pauses(silences: tuple[Silence, ...], duration: float, *, page: str = "session") -> None:
    """Each measured silence, as long as it is high; nothing where none was measured."""
    if not silences:
        return
    said = pauses_text(silences)
    st.markdown("**Pauses over the talk**")
    st.altair_chart(pauses_chart(silences, duration), key=f"{page}_pauses", alt=said)
    st.caption(plain(said))


def pace_text(pace: Metric) -> str:
    """The chart in words: span, middle, and how much of the talk lies outside the band."""
    values = [point.value for point in pace.series]
    text = (
        f"From {min(values):.0f} to {max(values):.0f} {pace.unit}, median {median(values):.0f}, "
        f"in {len(values)} windows of 30 s."
    )
    if pace.low is None or pace.high is None:
        return text
    below = sum(value < pace.low for value in values)
    above = sum(value > pace.high for value in values)
    band = f"{pace.low:g}–{pace.high:g}"
    return f"{text} Outside the band {band} are {below} below and {above} above."


def pauses_text(silences: tuple[Silence, ...]) -> str:
    """The chart in words: how many, how long, and where the longest is."""
    longest = max(silences, key=lambda silence: silence.seconds)
    long = sum(silence.seconds > LONG_PAUSE_SECONDS for silence in silences)
    return (
        f"{len(silences)} measured silences, {long} of them above {LONG_PAUSE_SECONDS:g} s; the "
        f"longest lasts {longest.seconds:.1f} s, at {length(longest.start)}."
    )


def pace_chart(pace: Metric) -> Layers:
    """A line, on the band where there is one; the value's axis need not begin at 0."""
    table = pd.DataFrame(
        {
            "at": [(point.start + point.end) / 2 for point in pace.series],
            "value": [point.value for point in pace.series],
            "from": [length(point.start) for point in pace.series],
        }
    )
    line = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            x=_TIME,
            y=alt.Y("value:Q", title=pace.unit, scale=alt.Scale(zero=False)),
            tooltip=[
                alt.Tooltip("from:N", title="From"),
                alt.Tooltip("value:Q", title=pace.unit, format=".0f"),
            ],
        )
    )
    layers: list[alt.Chart] = [line]
    if pace.low is not None and pace.high is not None:
        limits = pd.DataFrame({"low": [pace.low], "high": [pace.high]})
        band = alt.Chart(limits).mark_rect(opacity=0.18).encode(y="low:Q", y2="high:Q")
        layers.insert(0, band)
    return alt.layer(*layers).properties(height=HEIGHT)


def pauses_chart(silences: tuple[Silence, ...], duration: float) -> Layers:
    """Bars at their time, and a line above which a pause is long."""
    table = pd.DataFrame(
        {
            "at": [silence.start for silence in silences],
            "end": [silence.end for silence in silences],
            "seconds": [silence.seconds for silence in silences],
            "from": [length(silence.start) for silence in silences],
        }
    )
    bars = (
        alt.Chart(table)
        .mark_rule(strokeWidth=3)
        .encode(
            x=_TIME.scale(domain=[0, max(duration, silences[-1].end)]),
            y=alt.Y("seconds:Q", title="seconds"),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("from:N", title="At"),
                alt.Tooltip("seconds:Q", title="Seconds", format=".1f"),
            ],
        )
    )
    limit = alt.Chart(pd.DataFrame({"long": [LONG_PAUSE_SECONDS]}))
    return alt.layer(limit.mark_rule(strokeDash=[4, 4]).encode(y="long:Q"), bars).properties(
        height=HEIGHT
    )
