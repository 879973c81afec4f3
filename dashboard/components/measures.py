"""The metrics as a table: value, band, and what each rests on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.wording import plain
from pipeline.session import SessionDetail

BAND_WORDS = {
    "within": "● within the band",
    "below": "▽ below the band",
    "above": "▲ above the band",
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
                "Band": [BAND_WORDS.get(metric.band or "", "") for metric in detail.metrics],
                "Rests on": [metric.basis for metric in detail.metrics],
            }
        )
        st.dataframe(table, hide_index=True, key="measures")
    if detail.metrics_note:
        st.caption(plain(detail.metrics_note))
    if detail.transcript:
        segments = detail.transcript.segments
        suspect = sum(segment.suspect for segment in segments)
        st.caption(
            plain(
                f"Transcribed by {detail.transcript.engine}; "
                f"{suspect} of {len(segments)} segments were hard to hear."
            )
        )
