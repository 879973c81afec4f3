"""The bar above a session: back to the list, its neighbours, its link, and the keys of the page."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from dashboard.links import SESSIONS_PAGE, SessionLink, SessionsLink
from pipeline.listed import Neighbours

KEYS = {
    "n": "next session of the list that you came from: the one created before this one",
    "p": "previous session of that list: the one created after this one",
    "x": "analyse again",
    "j": "next mark in the talk (also → inside it)",
    "k": "previous mark in the talk (also ← inside it)",
    "Enter": "on a mark: take its insight in hand",
    "/": "search in the talk; Enter and Shift+Enter step through the hits",
    "Escape": "leave the search; on a mark: back to its quote in the feedback",
    "?": "this help",
}


def draw_bar(link: SessionLink, beside: Neighbours, filters: SessionsLink) -> None:
    """Draw it; where there is no neighbour the button is off. The list's filters go along."""
    with st.container(horizontal=True, vertical_alignment="center"):
        back = "Back to the list" if filters.query else "All sessions"
        st.page_link(
            SESSIONS_PAGE, label=back, icon=":material/arrow_back:", query_params=filters.query
        )
        _neighbour("Previous", beside.newer, filters, key="p", icon=":material/chevron_left:")
        _neighbour("Next", beside.older, filters, key="n", icon=":material/chevron_right:")
        with st.popover("Link", icon=":material/link:"):
            st.code(_address(link), language=None, wrap_lines=True)
            st.caption("It holds the session's id, and opens for those who may sign in.")
        if st.button("Keys", key="session_help", icon=":material/keyboard:"):
            _draw_keys()


def _neighbour(
    label: str, session_id: UUID | None, filters: SessionsLink, *, key: str, icon: str
) -> None:
    st.button(
        label,
        key=f"session_{label.lower()}",
        icon=icon,
        shortcut=key,
        disabled=session_id is None,
        on_click=_open,
        args=(session_id, filters),
    )


def _open(session_id: UUID, filters: SessionsLink) -> None:
    st.query_params.from_dict({**filters.query, **SessionLink(session_id).query})


def _address(link: SessionLink) -> str:
    base = (st.context.url or "").rstrip("/")
    return f"{base}/session?id={link.session_id}"


@st.dialog("Keys")
def _draw_keys() -> None:
    for key, what in KEYS.items():
        st.markdown(f"`{key}` {what}")
