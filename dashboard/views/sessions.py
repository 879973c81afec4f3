"""The list of sessions: filtered by the address bar, paged by the server."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.access import viewer
from dashboard.links import SESSION_PAGE, UPLOAD_PAGE, SessionLink, SessionsLink
from dashboard.services import services
from dashboard.wording import WORDS, ago, exact, is_moving, length, status_text
from pipeline import review
from pipeline.session import Page, SessionRow
from pipeline.staff import Role
from pipeline.status import Status

PAGE_SIZE = 25
POLL_SECONDS = 3


def page() -> None:
    """Draw the list."""
    _open_chosen()
    st.title("Sessions")
    filters = SessionsLink.read()
    _draw_filters(filters)
    cursors: list[str] = st.session_state.setdefault("sessions_cursors", [])
    found = review.list_sessions(
        services(),
        user_id=filters.user_id,
        status=filters.status,
        query=filters.search,
        limit=PAGE_SIZE,
        cursor=cursors[-1] if cursors else None,
    )
    _draw_strip(found)
    if found.sessions:
        _draw_table(found)
    else:
        _draw_empty(filters)
    _draw_paging(found, cursors)


def _open_chosen() -> None:
    """Go to the session whose row was picked, by the ids as they were drawn."""
    chosen = st.session_state.pop("sessions_chosen", None)
    if chosen is not None:
        st.switch_page(SESSION_PAGE, query_params=SessionLink(chosen).query)


def _draw_filters(filters: SessionsLink) -> None:
    status, learner, search, clear = st.columns([2, 2, 3, 1], vertical_alignment="bottom")
    # The address bar is the one truth: the widgets show it, and write to it when changed.
    st.session_state.update(
        sessions_status=filters.status,
        sessions_learner=filters.user_id or "",
        sessions_q=filters.search or "",
    )
    status.selectbox(
        "Status",
        [None, *Status],
        format_func=lambda option: "All" if option is None else WORDS[option],
        key="sessions_status",
        on_change=_filter,
    )
    learner.text_input("Learner", key="sessions_learner", on_change=_filter)
    search.text_input("Search titles and learners", key="sessions_q", on_change=_filter)
    clear.button("Clear", key="sessions_clear", on_click=_clear, disabled=not filters.query)


def _filter() -> None:
    """Put the filters into the address bar."""
    state = st.session_state
    chosen = SessionsLink(
        status=state["sessions_status"],
        user_id=state["sessions_learner"].strip() or None,
        search=state["sessions_q"].strip() or None,
    )
    st.query_params.from_dict(chosen.query)
    state["sessions_cursors"] = []


def _clear() -> None:
    st.query_params.clear()
    st.session_state["sessions_cursors"] = []


def _draw_strip(found: Page) -> None:
    """Counts by status; polled only while something moves, and apart from the table."""
    moving = any(is_moving(row) for row in found.sessions)
    drawn = tuple((row.id, row.status) for row in found.sessions)

    @st.fragment(run_every=POLL_SECONDS if moving else None)
    def strip() -> None:
        counts = review.status_counts(services())
        columns = st.columns(len(Status))
        for column, (status, count) in zip(columns, counts.items(), strict=True):
            column.metric(WORDS[status], count)
        newest = review.list_sessions(services(), limit=PAGE_SIZE).sessions
        now = tuple((row.id, row.status) for row in newest)
        on_first_page = not st.session_state["sessions_cursors"] and not st.query_params
        if (
            on_first_page
            and now != drawn
            and st.button(
                "Something changed: show it", key="sessions_refresh", icon=":material/refresh:"
            )
        ):
            st.rerun()

    strip()


def _draw_table(found: Page) -> None:
    rows = found.sessions
    ids = [row.id for row in rows]
    # A new key for new data: a selection is row positions, and those must not outlive the rows.
    key = f"sessions_table_{hash(tuple((row.id, row.status) for row in rows))}"

    def choose() -> None:
        selected = st.session_state[key].selection.rows
        if selected:
            st.session_state["sessions_chosen"] = ids[selected[0]]

    st.dataframe(
        _table(rows),
        hide_index=True,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        column_config={
            "Created": st.column_config.TextColumn(help="Times are in words; see the session"),
            "H / M / L": st.column_config.TextColumn(help="Insights: high, medium, low"),
        },
    )
    st.caption("Pick a row to open its session.")


def _table(rows: tuple[SessionRow, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Status": [status_text(row) for row in rows],
            "Title": [row.title or "Untitled" for row in rows],
            "Learner": [row.user_id for row in rows],
            "Created": [ago(row.created_at) for row in rows],
            "Length": [length(row.duration_seconds) for row in rows],
            "Words": pd.array([row.word_count for row in rows], dtype="Int64"),
            "H / M / L": [_insights(row) for row in rows],
            "Attempts": [row.attempts for row in rows],
            "Error": [row.error.code if row.error else "" for row in rows],
            "Source": [row.source for row in rows],
            "At": [exact(row.created_at) for row in rows],
        }
    )


def _insights(row: SessionRow) -> str:
    if row.completed_at is None:
        return ""
    return f"{row.insights_high} / {row.insights_medium} / {row.insights_low}"


def _draw_empty(filters: SessionsLink) -> None:
    if filters.query:
        st.info("No session matches these filters.", icon=":material/search_off:")
        return
    st.info(
        "No sessions yet. Upload a recording to see what a learner gets; "
        "samples/sample.ogg is a good first one.",
        icon=":material/mic:",
    )
    if viewer().may(Role.QA):
        st.page_link(UPLOAD_PAGE, label="Upload a recording", icon=":material/upload:")


def _newer() -> None:
    st.session_state["sessions_cursors"].pop()


def _draw_paging(found: Page, cursors: list[str]) -> None:
    back, forward = st.columns(2)
    if cursors:
        back.button("Newer", key="sessions_newer", on_click=_newer)
    if found.next_cursor:
        forward.button(
            "Older", key="sessions_older", on_click=cursors.append, args=(found.next_cursor,)
        )


page()
