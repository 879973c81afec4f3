"""Dead letters, and what an admin may do about them: a section of the operations page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.access import NoAccess, require
from dashboard.components.dead_letters import draw_letter
from dashboard.components.failure import draw_error
from dashboard.services import services
from dashboard.trouble import draw_trouble
from dashboard.wording import plain
from pipeline import dead_letter
from pipeline.dead_letter import LetterPage, RetryReport
from pipeline.errors import RostrumError
from pipeline.staff import Role, Staff

PAGE_SIZE = 25
OUTCOME = "operations_outcome"
"""What the last action came to: a sentence, or an error."""
CURSORS = "operations_cursors"


def draw_outcome() -> None:
    """What the last action on a letter came to."""
    outcome: str | RostrumError | NoAccess | None = st.session_state.pop(OUTCOME, None)
    if isinstance(outcome, str):
        st.success(plain(outcome), icon=":material/check:")
    elif outcome is not None:
        draw_trouble(outcome)


def draw_letters() -> None:
    """A page of the letters, each with its buttons."""
    cursors: list[str] = st.session_state.setdefault(CURSORS, [])
    try:
        found = dead_letter.listed(
            services(), cursor=cursors[-1] if cursors else None, limit=PAGE_SIZE
        )
    except RostrumError as error:
        draw_error(error)
        # A cursor may be what the queue refuses: look from the beginning next time.
        cursors.clear()
        return
    if not found.letters and not cursors and found.next_cursor is None:
        st.info("No dead letters: the queue gave up on nothing.", icon=":material/inbox:")
        return
    _draw_retry_all(found)
    for letter in found.letters:
        if draw_letter(letter, on_retry=_retry):
            _confirm_delete(letter.id)
    _draw_paging(found, cursors)


def _draw_paging(found: LetterPage, cursors: list[str]) -> None:
    back, forward = st.columns(2)
    if cursors:
        back.button("Back", key="letters_back", on_click=_back)
    if found.next_cursor:
        forward.button(
            "More", key="letters_more", on_click=cursors.append, args=(found.next_cursor,)
        )


def _back() -> None:
    cursors: list[str] = st.session_state[CURSORS]
    # A second click on the same button comes when there is nothing left to go back to.
    del cursors[-1:]


def _draw_retry_all(found: LetterPage) -> None:
    count = sum(letter.retryable for letter in found.letters)
    is_partial = found.next_cursor is not None or bool(st.session_state[CURSORS])
    if st.button(
        f"Retry all that can be ({count}{' on this page' if is_partial else ''})",
        key="letters_retry_all",
        icon=":material/replay:",
        disabled=not count and not is_partial,
        help=None if count or is_partial else "No retry can help any of these.",
    ):
        _confirm_retry_all(count, is_partial=is_partial)


@st.dialog("Retry all that can be?")
def _confirm_retry_all(count: int, *, is_partial: bool) -> None:
    which = f"{count} on this page, and those on the others" if is_partial else f"{count}"
    st.markdown(
        f"Dead letters that go back to the queue: {which}. Each goes on at the first missing "
        "result; what was paid for is not paid again. Those that no retry can help stay here."
    )
    st.button("Retry them", key="letters_retry_all_sure", type="primary", on_click=_retry_all)
    _close_when_done()


@st.dialog("Delete this dead letter?")
def _confirm_delete(letter_id: str) -> None:
    st.markdown(
        "The queue forgets the message for good. Its session stays as it is, and can be run "
        "again from its own page."
    )
    st.button(
        "Delete for good",
        key="letter_delete_sure",
        type="primary",
        on_click=_delete,
        args=(letter_id,),
    )
    _close_when_done()


def _close_when_done() -> None:
    if OUTCOME in st.session_state:
        st.rerun()


def _retry(letter_id: str) -> None:
    def act(asker: Staff) -> str:
        retried = dead_letter.retry(services(), letter_id, staff=asker)
        if retried.queued:
            return "Back in the queue."
        return "The queue did not take it now; the sweeper brings it within a minute or two."

    _do(act)


def _retry_all() -> None:
    _do(lambda asker: _told(dead_letter.retry_all(services(), staff=asker)))


def _delete(letter_id: str) -> None:
    def act(asker: Staff) -> str:
        dead_letter.delete(services(), letter_id, staff=asker)
        return "The dead letter is deleted."

    _do(act)


def _do(act: Callable[[Staff], str]) -> None:
    """One click, one call; what came of it is drawn with the page."""
    try:
        outcome: str | RostrumError | NoAccess = act(require(Role.ADMIN))
    except (RostrumError, NoAccess) as refusal:
        outcome = refusal
    st.session_state[OUTCOME] = outcome


def _told(report: RetryReport) -> str:
    told = f"{report.retried} back in the queue; {report.refused} cannot be retried."
    if report.failed:
        told += f" {report.failed} not taken by the queue now: the sweeper brings it."
    return told + (" There are more: press again." if report.more else "")
