"""Metrics over a learner's sessions as charts, the band shaded; each is told in words, too."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.wording import exact, plain
from pipeline.session import MetricTrend
from pipeline.speech.metric import digits, with_unit

SHOWN_FIRST = 4
BAND = "#4a9a8f"
"""Of middle lightness: shaded thinly it shows on both themes."""
PLACES = {
    "in the band": "circle",
    "below it": "triangle-down",
    "above it": "triangle-up",
}
"""A place beside the band is a shape, not only a position or a colour."""


def draw_trends(trends: tuple[MetricTrend, ...]) -> None:
    """The chosen metrics side by side, and their figures as a table."""
    by_label = {trend.label: trend for trend in trends}
    chosen = st.multiselect(
        "Metrics to show", list(by_label), list(by_label)[:SHOWN_FIRST], key="learner_metrics"
    )
    shown = [by_label[label] for label in chosen if label in by_label]
    columns = st.columns(2, gap="medium")
    for place, trend in enumerate(shown):
        with columns[place % 2]:
            st.markdown(f"**{plain(trend.label)}** ({plain(trend.unit)})")
            st.altair_chart(chart_of(trend), key=f"learner_trend_{trend.name}")
            st.caption(plain(told(trend)))
    if shown:
        with st.expander("The same figures as a table"):
            st.dataframe(_table(shown), hide_index=True, key="learner_trend_figures")


def told(trend: MetricTrend) -> str:
    """The chart in words: how many sessions, the newest value, the usual one, and the band."""
    values = [point.value for point in trend.points]
    said = (
        f"n = {len(values)} sessions. Newest {digits(values[-1])}, usual for this learner "
        f"{with_unit(trend.own_median, trend.unit)} (median)."
    )
    if trend.low is None and trend.high is None:
        return said
    within = sum(_place(value, trend) == "in the band" for value in values)
    return f"{said} Band {_band(trend)}: {within} of {len(values)} within."


def _band(trend: MetricTrend) -> str:
    if trend.low is None:
        return f"up to {trend.high:g}"
    return f"from {trend.low:g}" if trend.high is None else f"{trend.low:g}–{trend.high:g}"


def _place(value: float, trend: MetricTrend) -> str:
    if trend.low is not None and value < trend.low:
        return "below it"
    return "above it" if trend.high is not None and value > trend.high else "in the band"


def chart_of(trend: MetricTrend) -> alt.LayerChart | alt.FacetChart:
    """Line and points over time, above the shaded band; a point tells its value and its time."""
    has_band = trend.low is not None or trend.high is not None
    points = pd.DataFrame(
        {
            "at": [point.at for point in trend.points],
            "value": [point.value for point in trend.points],
            "When": [exact(point.at) for point in trend.points],
            "Value": [with_unit(point.value, trend.unit) for point in trend.points],
            "Band": [_place(point.value, trend) if has_band else "" for point in trend.points],
        }
    )
    base = alt.Chart(points).encode(
        x=alt.X(
            "at:T",
            title=None,
            axis=alt.Axis(labelOverlap=True, tickCount=5),
            scale=alt.Scale(padding=12),
        ),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True)),
    )
    shape = (
        alt.Shape(
            "Band:N",
            scale=alt.Scale(domain=list(PLACES), range=list(PLACES.values())),
            legend=alt.Legend(title=None, orient="bottom"),
        )
        if has_band
        else alt.value("circle")
    )
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=shape, tooltip=["Value:N", "When:N", *(["Band:N"] if has_band else [])]
    )
    layers = [*_shaded(trend), base.mark_line(), marks]
    return alt.layer(*layers).properties(
        height=200, description=f"{trend.label} over the sessions. {told(trend)}"
    )


def _shaded(trend: MetricTrend) -> list[alt.Chart]:
    """The band, to the edge of the figures where one limit is missing; dashed at its limits."""
    if trend.low is None and trend.high is None:
        return []
    values = [point.value for point in trend.points]
    low = min(0.0, *values) if trend.low is None else trend.low
    high = max(trend.low or 0.0, *values) if trend.high is None else trend.high
    limits = [limit for limit in (trend.low, trend.high) if limit is not None]
    band = (
        alt.Chart(pd.DataFrame({"low": [low], "high": [high]}))
        .mark_rect(color=BAND, opacity=0.18)
        .encode(y="low:Q", y2="high:Q")
    )
    edges = (
        alt.Chart(pd.DataFrame({"limit": limits}))
        .mark_rule(color=BAND, strokeDash=[4, 4])
        .encode(y="limit:Q")
    )
    return [band, edges]


def _table(trends: list[MetricTrend]) -> pd.DataFrame:
    rows = [(trend, point) for trend in trends for point in reversed(trend.points)]
    return pd.DataFrame(
        {
            "Metric": [trend.label for trend, _ in rows],
            "Value": [round(point.value, 3) for _, point in rows],
            "Unit": [trend.unit for trend, _ in rows],
            "When": [exact(point.at) for _, point in rows],
            "Usual band": [
                _band(trend) if trend.low is not None or trend.high is not None else ""
                for trend, _ in rows
            ],
        }
    )
