"""The table of sessions: its columns, and which of its rows are chosen, by id as drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard.components.session_filters import REVIEWS
from dashboard.links import SESSION_PAGE, SessionLink, SessionsLink
from dashboard.wording import ago, exact, length, plain, status_text
from pipeline.listed import AudioState, ListedSession

CHOSEN = "sessions_chosen"
COLUMNS = "sessions_columns"
OPEN = "Open"
OPTIONAL = ("Created at", "Language", "Model", "Prompt", "Pace", "Suspect", "Audio", "Error", "Id")


def _audio(row: ListedSession) -> str:
    if row.audio is AudioState.HELD and row.uploaded_at:
        return f"held since {ago(row.uploaded_at)}"
    return {AudioState.NONE: "none", AudioState.DELETED: "deleted"}.get(row.audio, "held")


_VALUES: dict[str, Callable[[ListedSession], Any]] = {
    OPEN: lambda _: OPEN,
    "Created": lambda row: row.created_at,
    "Learner": lambda row: row.user_id,
    "Title": lambda row: row.title or "Untitled",
    "Source": lambda row: f"{row.source}, re-run" if row.is_rerun else row.source,
    "Status": status_text,
    "Length": lambda row: length(row.duration_seconds),
    "Words": lambda row: row.words,
    "H / M / L": lambda row: "" if row.high is None else f"{row.high} / {row.medium} / {row.low}",
    "Evidence": lambda row: row.evidence_share,
    "Review": lambda row: "" if row.review is None else REVIEWS[row.review],
    "Attempts": lambda row: row.attempts,
    "Cost": lambda row: None if row.cost_usd is None else float(row.cost_usd),
    "Created at": lambda row: exact(row.created_at),
    "Language": lambda row: row.language,
    "Model": lambda row: row.model or "",
    "Prompt": lambda row: row.prompt_version or "",
    "Pace": lambda row: row.words_per_minute,
    "Suspect": lambda row: row.suspect_share,
    "Audio": _audio,
    "Error": lambda row: row.error.code if row.error else "",
    "Id": lambda row: str(row.id),
}
"""Column → what stands in it. Nothing that was said: a table's data goes to the browser whole."""
_NUMBERS = {"Words": "Int64", "Evidence": "Float64", "Cost": "Float64", "Pace": "Float64",
            "Suspect": "Float64"}  # fmt: skip
"""Columns of figures that may be missing."""


def draw_table(
    rows: Sequence[ListedSession], *, on_open: Callable[[UUID], None]
) -> tuple[UUID, ...]:
    """Draw one page; returns the ids of the chosen rows, in the order of the table.

    A selection is positions of rows, and must not outlive the rows that were drawn: new rows get
    a new key, and of those chosen before, the ones that are still there stay chosen.
    """
    ids = [row.id for row in rows]
    version = hash(tuple(ids))
    click = f"sessions_open_{version}"
    before = set(st.session_state.get(CHOSEN, ()))

    def open_clicked() -> None:
        on_open(ids[st.session_state[click]["row"]])

    shown = [name for name in _VALUES if name not in OPTIONAL or name in _optional()]
    event = st.dataframe(
        _frame(rows, shown),
        hide_index=True,
        key=f"sessions_table_{version}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [place for place, held in enumerate(ids) if held in before]}
        },
        placeholder="",
        alt="Sessions, newest first",
        column_config={
            OPEN: st.column_config.ButtonColumn(
                "", type="tertiary", pinned=True, width=64, key=click, on_click=open_clicked
            ),
            **_CONFIG,
        },
    )
    chosen = tuple(ids[place] for place in sorted(event.selection.rows) if place < len(ids))
    st.session_state[CHOSEN] = chosen
    return chosen


_CONFIG: dict[str, Any] = {
    "Created": st.column_config.DatetimeColumn(format="distance"),
    "Title": st.column_config.TextColumn(width="medium"),
    "H / M / L": st.column_config.TextColumn(help="Insights: high, medium, low"),
    "Evidence": st.column_config.NumberColumn(
        format="percent", help="Of the model's quotes, those that were found in the transcript"
    ),
    "Attempts": st.column_config.NumberColumn(help="Of the newest run"),
    "Cost": st.column_config.NumberColumn(format="$ %.4f", help="Of the analysis that is shown"),
    "Pace": st.column_config.NumberColumn(format="%.0f", help="Words a minute"),
    "Suspect": st.column_config.NumberColumn(
        format="percent", help="Segments that were hard to hear"
    ),
}


def draw_column_choice() -> None:
    """Which of the optional columns are shown, kept over pages."""
    with st.popover("Columns", icon=":material/view_column:"):
        st.multiselect("More columns", OPTIONAL, key=COLUMNS, persist_state="session")


def _optional() -> Sequence[str]:
    chosen: Sequence[str] = st.session_state.get(COLUMNS, ())
    return chosen


def _frame(rows: Sequence[ListedSession], shown: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series([_VALUES[name](row) for row in rows], dtype=_NUMBERS.get(name))
            for name in shown
        }
    )


def draw_links(rows: Sequence[ListedSession], link: SessionsLink) -> None:
    """The rows as real links: for the keyboard, for screen readers, and to open in a new tab."""
    for row in rows:
        st.page_link(
            SESSION_PAGE,
            label=f"{plain(row.title or 'Untitled')} · {plain(row.user_id)} · "
            f"{plain(status_text(row))}",
            icon=":material/arrow_forward:",
            query_params={**link.query, **SessionLink(row.id).query},
        )
