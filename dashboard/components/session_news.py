"""The strip above the list: what is being processed, and what has come since it was drawn."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.wording import ICONS
from pipeline.listed import News
from pipeline.status import Status

MOVING = {
    Status.UPLOADED: "waiting",
    Status.PROCESSING: "processing",
    Status.FAILED: "failed, will retry",
    Status.COMPLETED: "completed, to be run again",
}
"""What is still to happen by itself."""


def draw_news(news: News, *, on_show: Callable[[], None]) -> bool:
    """Draw the strip; True: somebody asked to see what is new, and `on_show` has been called."""
    told, show = st.columns([3, 1], vertical_alignment="center")
    told.caption(
        " · ".join(
            f"{ICONS[status]} {news.moving[status]} {word}"
            for status, word in MOVING.items()
            if status in news.moving
        )
        or "Nothing is being processed."
    )
    counts = ((news.arrived, "new"), (news.changed, "changed"))
    label = ", ".join(f"{count} {word}" for count, word in counts if count)
    return bool(label) and show.button(
        f"{label}: show", key="sessions_show", icon=":material/refresh:", on_click=on_show
    )
