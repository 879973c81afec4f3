"""What staff may do to the session on its page: run it again, show another run, delete it.

Each is one call of `pipeline`, made once for a click; what came of it is told on the page.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from dashboard.access import require, viewer
from dashboard.components.failure import draw_error
from dashboard.services import services
from dashboard.wording import plain
from pipeline import intake, removal
from pipeline.current_run import make_current
from pipeline.errors import AlreadyRunning, NotFound, RostrumError
from pipeline.session import RunRecord, SessionDetail, SessionRow
from pipeline.staff import Role
from pipeline.status import Scope, Status

PROBLEM = "session_problem"
DONE = "session_done"
DELETED = "session_deleted"
ALREADY = "It is being processed already: nothing was started twice. The page follows it by itself."
AUDIO_GONE = "The audio was deleted, as promised to learners: only the analysis can be repeated."
WORDS_GONE = "Its words and its audio are gone: there is nothing left to run again."
NO_AUDIO = "There is no audio yet."


def draw_actions(detail: SessionDetail) -> None:
    """The buttons that the viewer's role has, and why those that are off are off."""
    looking = viewer()
    if not looking.may(Role.QA):
        return
    row = detail.row
    busy = is_busy(row)
    with st.container(horizontal=True):
        st.button(
            "Analyse again",
            key="session_rerun_analysis",
            icon=":material/refresh:",
            shortcut="x",
            disabled=busy or detail.transcript is None,
            help="Keeps the transcript, asks for new feedback.",
            on_click=_rerun,
            args=(row.id, Scope.ANALYSIS),
        )
        st.button(
            "Process whole again",
            key="session_rerun_full",
            icon=":material/replay:",
            disabled=busy or not row.audio_held,
            help="Transcribes the recording anew, too.",
            on_click=_rerun,
            args=(row.id, Scope.FULL),
        )
        wants_deletion = looking.may(Role.ADMIN) and st.button(
            "Delete", key="session_delete", icon=":material/delete:"
        )
    why = _why_off(detail, busy=busy)
    if why:
        st.caption(f":material/block: {plain(why)}")
    if wants_deletion:
        _confirm_delete(row.id)


def is_busy(row: SessionRow) -> bool:
    """Whether a run is live: one waits for its first attempt, or is at work."""
    waiting = row.attempts == 0 and row.status is not Status.CREATED
    return waiting or row.status is Status.PROCESSING


def draw_problem() -> None:
    """What came of the last click, where it was not what was asked for."""
    problem: RostrumError | None = st.session_state.pop(PROBLEM, None)
    if isinstance(problem, AlreadyRunning):
        st.info(ALREADY, icon=":material/hourglass_top:")
    elif problem is not None:
        draw_error(problem)


@st.dialog("Show this run's results?")
def ask_current(session_id: UUID, run: RunRecord) -> None:
    """Ask before another run becomes what people see."""
    st.markdown(
        f"The results of **run {run.number}** become what coaches and the learner see, and the "
        "learner's profile is derived from them. No run is deleted: you can go back."
    )
    st.text_input("Why (for the audit, optional)", key="session_current_reason", max_chars=500)
    st.button(
        f"Show run {run.number}",
        key="session_current_sure",
        type="primary",
        on_click=_do,
        args=(_make_current, session_id, run.id),
    )
    _close_or_tell()


@st.dialog("Delete this session?")
def _confirm_delete(session_id: UUID) -> None:
    st.markdown(
        "Transcript, feedback, events and any audio are deleted for good, and the learner's "
        "profile is derived anew without this talk."
    )
    st.text_input("Why (for the audit, optional)", key="session_delete_reason", max_chars=500)
    st.button(
        "Delete for good",
        key="session_delete_sure",
        type="primary",
        on_click=_do,
        args=(_delete, session_id),
    )
    _close_or_tell()


def _why_off(detail: SessionDetail, *, busy: bool) -> str | None:
    if busy:
        return "One run at a time: it is being processed."
    if detail.row.transcript_removed_at is not None and not detail.row.audio_held:
        return WORDS_GONE
    if not detail.row.audio_held:
        return AUDIO_GONE if detail.row.audio_deleted_at else NO_AUDIO
    return None


def _close_or_tell() -> None:
    """End the dialog where it is done or the session is gone; else what was typed stays."""
    gone = isinstance(st.session_state.get(PROBLEM), NotFound)
    if st.session_state.pop(DONE, False) or gone:
        st.rerun()
    draw_problem()


def _rerun(session_id: UUID, scope: Scope) -> None:
    asker = require(Role.QA)
    try:
        intake.rerun(services(), session_id, scope=scope, staff=asker)
    except RostrumError as error:
        st.session_state[PROBLEM] = error


def _do(act: Callable[..., None], *args: UUID) -> None:
    """One write of a dialog."""
    try:
        act(*args)
    except RostrumError as error:
        st.session_state[PROBLEM] = error
    else:
        st.session_state[DONE] = True


def _make_current(session_id: UUID, run_id: UUID) -> None:
    asker = require(Role.QA)
    make_current(services(), asker, session_id, run_id, reason=_reason("current"))


def _delete(session_id: UUID) -> None:
    asker = require(Role.ADMIN)
    removal.delete_session(services(), session_id, staff=asker, reason=_reason("delete"))
    st.session_state[DELETED] = True


def _reason(of: str) -> str | None:
    return str(st.session_state[f"session_{of}_reason"]).strip() or None
