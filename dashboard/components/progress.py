"""A learner's progress: what became of each focus, and metrics over the sessions."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.components.feedback import draw_follow_up
from dashboard.wording import plain
from pipeline.session import MetricTrend, Profile


def draw_focuses(profile: Profile) -> None:
    """Each focus and the talk after it, newest first; nothing where nothing can be told."""
    if not profile.focuses:
        return
    st.subheader("Focus")
    for focus in profile.focuses:
        draw_follow_up(focus)


def draw_trends(profile: Profile) -> None:
    """One chosen metric over the sessions, its band shaded."""
    if not profile.trends:
        return
    st.subheader("Metrics")
    by_label = {trend.label: trend for trend in profile.trends}
    chosen = st.selectbox("Metric", list(by_label), key="learner_trend")
    trend = by_label[chosen]
    st.altair_chart(_chart(trend), key="learner_trend_chart")
    st.caption(
        plain(
            f"n = {len(trend.points)} sessions; usual for this learner: "
            f"{trend.own_median:.3g} {trend.unit} (median)."
        )
    )


def _chart(trend: MetricTrend) -> alt.LayerChart | alt.FacetChart:
    table = pd.DataFrame(
        {
            "Session": [point.at for point in trend.points],
            trend.unit: [point.value for point in trend.points],
        }
    )
    line = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(x="Session:T", y=alt.Y(f"{trend.unit}:Q", scale=alt.Scale(zero=False)))
    )
    if trend.low is None and trend.high is None:
        return alt.layer(line)
    highest = max(point.value for point in trend.points)
    limits = pd.DataFrame(
        {"low": [trend.low or 0.0], "high": [highest if trend.high is None else trend.high]}
    )
    band = alt.Chart(limits).mark_rect(opacity=0.15).encode(y="low:Q", y2="high:Q")
    return alt.layer(band, line)
