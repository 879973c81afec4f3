"""The metrics as a table: value, band, and what each rests on; and where in the talk each shows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard.wording import length, plain
from pipeline.session import Metric, Moment, SessionDetail
from pipeline.speech.metric import with_unit

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


def draw_measures(
    detail: SessionDetail,
    *,
    page: str = "session",
    on_moment: Callable[[Moment], None] | None = None,
) -> None:
    """All figures, or the sentence that says why there are none."""
    if detail.metrics:
        table = pd.DataFrame(
            {
                "Metric": [metric.label for metric in detail.metrics],
                "Value": [with_unit(metric.value, metric.unit) for metric in detail.metrics],
                "Band": [_band(metric) for metric in detail.metrics],
                "Places": [_places(metric) for metric in detail.metrics],
                "Rests on": [metric.basis for metric in detail.metrics],
            }
        )
        st.dataframe(table, hide_index=True, key=f"{page}_measures", height="content")
    if detail.metrics_note:
        st.caption(plain(detail.metrics_note))
    if detail.transcript:
        st.caption(plain(detail.transcript.rests_on))
    _draw_moments(detail.metrics, page=page, on_moment=on_moment)


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


def _draw_moments(
    metrics: tuple[Metric, ...], *, page: str, on_moment: Callable[[Moment], None] | None
) -> None:
    """Where in the talk a chosen metric shows; picking a place leads there."""
    choices = {metric.label: metric for metric in metrics if metric.moments}
    if not choices:
        return
    chosen = st.selectbox("Show the places of", list(choices), index=None, key=f"{page}_moments_of")
    if chosen not in choices:
        return
    moments = choices[chosen].moments
    # One key for each metric: a place that was picked in one is no place of another.
    key = f"{page}_moment_{choices[chosen].name}"

    def jump() -> None:
        number = st.session_state[key]
        if on_moment and number is not None and number < len(moments):
            on_moment(moments[number])

    st.pills(
        "Places in the talk",
        range(min(len(moments), MOST_MOMENTS)),
        format_func=lambda number: moment_text(moments[number]),
        key=key,
        on_change=jump,
    )
    if len(moments) > MOST_MOMENTS:
        st.caption(f"The first {MOST_MOMENTS} of {len(moments)}; the export has them all.")


def moment_text(moment: Moment) -> str:
    """When, and which words; of a pause how long, too."""
    time = length(moment.start) or f"segment {moment.segment + 1}"
    lasting = (
        f" ({(moment.end or 0) - (moment.start or 0):.1f} s)" if moment.kind == "pause" else ""
    )
    return plain(f"{time} “{moment.text}”{lasting}")
