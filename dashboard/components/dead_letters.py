"""Dead letters as rows: what was given up, how it ended, and what may be done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.links import SESSION_PAGE, SessionLink
from dashboard.wording import WORDS, ago, exact, plain
from pipeline.dead_letter import DeadLetter
from pipeline.letter import Purpose

PURPOSES = {
    Purpose.PROCESS: "Processing a session",
    Purpose.FAILED: "Reporting that it was given up",
    Purpose.SWEEP: "A sweep",
}


def draw_letter(letter: DeadLetter, *, on_retry: Callable[[str], None]) -> bool:
    """One dead letter; whether its deletion was asked for."""
    with st.container(border=True):
        what, how, retry, delete = st.columns([4, 4, 1, 1], vertical_alignment="center")
        with what:
            _draw_what(letter)
        with how:
            st.markdown(plain(_ending(letter)))
            st.caption(plain(ago(letter.created_at)), help=exact(letter.created_at))
        retry.button(
            "Retry",
            key=f"letter_retry_{letter.id}",
            icon=":material/replay:",
            disabled=not letter.retryable,
            help=plain(letter.reason) if letter.reason else "Goes on at the first missing result.",
            on_click=on_retry,
            args=(letter.id,),
        )
        asked = delete.button("Delete", key=f"letter_delete_{letter.id}", icon=":material/delete:")
        if letter.reason:
            st.caption(f":material/block: {plain(letter.reason)}")
    return asked


def _draw_what(letter: DeadLetter) -> None:
    st.markdown(f"**{PURPOSES[letter.purpose]}**")
    if letter.session_status is None or letter.session_id is None:
        return
    status = WORDS[letter.session_status]
    st.page_link(
        SESSION_PAGE,
        label=plain(f"{letter.title or 'Untitled talk'} · {letter.user_id} · {status}"),
        icon=":material/arrow_forward:",
        query_params=SessionLink(letter.session_id).query,
    )


def _ending(letter: DeadLetter) -> str:
    """The last answer, and how many there were."""
    answer = "no answer" if letter.response_status is None else f"HTTP {letter.response_status}"
    said = letter.code or "an answer that is not ours"
    last = answer if letter.response_status is None else f"{said} ({answer})"
    if letter.deliveries is None:
        return f"{last}, which ended it at once"
    return f"{last} after {letter.deliveries} deliveries"
