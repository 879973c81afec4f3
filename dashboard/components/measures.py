"""The metrics as a table: value, band, and what each rests on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.wording import length, plain
from pipeline.session import Metric, SessionDetail

MOST_MOMENTS = 100
BAND_WORDS = {
    "within": "● within",
    "below": "▽ below",
    "above": "▲ above",
    "fine": "● fine",
    "noted": "◆ worth noting",
    "harmful": "▲ distracting",
    "monotone": "◆ monotone",
}


def draw_measures(detail: SessionDetail) -> None:
    """All figures, or the sentence that says why there are none."""
    if detail.metrics:
        table = pd.DataFrame(
            {
                "Metric": [metric.label for metric in detail.metrics],
                "Value": [f"{metric.value:.4g} {metric.unit}" for metric in detail.metrics],
                "Band": [_band(metric) for metric in detail.metrics],
                "Places": [_places(metric) for metric in detail.metrics],
                "Rests on": [metric.basis for metric in detail.metrics],
            }
        )
        st.dataframe(table, hide_index=True, key="measures", height="content")
    if detail.metrics_note:
        st.caption(plain(detail.metrics_note))
    if detail.transcript:
        st.caption(plain(detail.transcript.rests_on))
    _draw_moments(detail.metrics)
    _draw_course(detail.metrics)


def _band(metric: Metric) -> str:
    """How the value reads, and the band's limits."""
    words = BAND_WORDS.get(metric.band or "", "")
    if metric.low is not None and metric.high is not None:
        return f"{words} {metric.low:g}–{metric.high:g}"
    if metric.high is not None:
        return f"{words} (up to {metric.high:g})"
    return words if metric.low is None else f"{words} (from {metric.low:g})"


def _places(metric: Metric) -> str:
    return str(len(metric.moments)) if metric.moments else ""


def _draw_moments(metrics: tuple[Metric, ...]) -> None:
    """Where in the talk a chosen metric shows."""
    choices = {metric.label: metric for metric in metrics if metric.moments}
    if not choices:
        return
    chosen = st.selectbox(
        "Show the places of", list(choices), index=None, key="measures_moments_of"
    )
    if chosen not in choices:
        return
    moments = choices[chosen].moments
    for moment in moments[:MOST_MOMENTS]:
        time = length(moment.start) or f"segment {moment.segment + 1}"
        lasting = (
            f" ({(moment.end or 0) - (moment.start or 0):.1f} s)" if moment.kind == "pause" else ""
        )
        st.markdown(plain(f"{time} “{moment.text}”{lasting}"))
    if len(moments) > MOST_MOMENTS:
        st.caption(f"The first {MOST_MOMENTS} of {len(moments)}; the export has them all.")


def _draw_course(metrics: tuple[Metric, ...]) -> None:
    """Metrics that have one, over the time of the talk."""
    for metric in metrics:
        if len(metric.series) > 1:
            st.caption(plain(f"{metric.label} in {metric.unit}, in windows of 30 s"))
            course = {
                "Minute": [(point.start + point.end) / 120 for point in metric.series],
                metric.label: [point.value for point in metric.series],
            }
            st.line_chart(pd.DataFrame(course), x="Minute", y=metric.label, height=160)
