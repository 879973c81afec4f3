"""A session that is gone: never there, or deleted by somebody while it was open here."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

OPEN = "session_open"
KEPT = "session_kept"
TYPED = ("reason", "note", "rewrite")
"""Parts of the keys under which people type text on this page."""


def remember_open(session_id: UUID) -> None:
    """It was drawn: should it vanish, the viewer is told so."""
    st.session_state[OPEN] = session_id
    st.session_state.pop(KEPT, None)


def draw_gone(session_id: UUID) -> None:
    """Say that it is gone, and give back what was typed about it."""
    if st.session_state.get(OPEN) != session_id:
        st.warning("There is no such session; it may have been deleted.", icon=":material/delete:")
        return
    st.warning(
        "Somebody deleted this session while you had it open. Nothing of it can be shown or "
        "changed any more.",
        icon=":material/delete:",
    )
    typed: list[str] = st.session_state.setdefault(KEPT, _typed())
    if typed:
        st.markdown("What you had typed, to copy:")
    for text in typed:
        # As code: it has a button to copy, and is never read as Markdown.
        st.code(text, language=None, wrap_lines=True)


def _typed() -> list[str]:
    """Text of this page's fields: Streamlit forgets it once a page is drawn without them."""
    return [
        value
        for key, value in st.session_state.items()
        if isinstance(value, str) and value.strip() and any(part in str(key) for part in TYPED)
    ]
