"""One session: live while it moves, then transcript, feedback, metrics, runs and events."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from dashboard.access import require, viewer
from dashboard.components.exports import draw_exports
from dashboard.components.failure import draw_error, draw_failure
from dashboard.components.feedback import draw_dropped, draw_insights, draw_summary
from dashboard.components.measures import draw_measures
from dashboard.components.timeline import draw_runs, draw_timeline
from dashboard.components.transcript import draw_transcript
from dashboard.links import LEARNER_PAGE, SESSIONS_PAGE, LearnerLink, SessionLink
from dashboard.services import services
from dashboard.wording import (
    ago,
    engine_text,
    exact,
    is_moving,
    length,
    plain,
    status_text,
)
from pipeline import intake, review
from pipeline.errors import NotFound, RostrumError
from pipeline.session import SessionDetail, SessionRow
from pipeline.staff import Role
from pipeline.status import Scope, Status

POLL_SECONDS = 1
PROBLEM = "session_problem"
DELETED = "session_deleted"


def page() -> None:
    """Draw the session that the address bar names."""
    if st.session_state.pop(DELETED, False):
        st.switch_page(SESSIONS_PAGE)
    st.page_link(SESSIONS_PAGE, label="All sessions", icon=":material/arrow_back:")
    link = SessionLink.read()
    if link is None:
        st.warning(
            "This link names no session. Pick one from the list.", icon=":material/link_off:"
        )
        return
    try:
        detail = review.session_detail(services(), link.session_id, staff=viewer())
    except NotFound:
        st.warning("There is no such session; it may have been deleted.", icon=":material/delete:")
        return
    _draw_header(detail)
    _draw_problem()
    _draw_actions(detail)
    _draw_body(detail)


def _draw_header(detail: SessionDetail) -> None:
    row = detail.row
    st.title(plain(row.title or "Untitled talk"))
    _draw_live(row)
    if row.error:
        draw_failure(row.error)
    learner, created, long, words, run = st.columns([2, 2, 1, 1, 3])
    with learner:
        st.caption("Learner")
        st.page_link(
            LEARNER_PAGE, label=plain(row.user_id), query_params=LearnerLink(row.user_id).query
        )
    _fact(created, "Created", ago(row.created_at), help_text=exact(row.created_at))
    _fact(long, "Length", length(row.duration_seconds) or "–")
    _fact(words, "Words", "–" if row.word_count is None else str(row.word_count))
    newest = detail.runs[-1] if detail.runs else None
    model = engine_text(newest.model) if newest and newest.model else "–"
    prompt = newest.prompt_version if newest and newest.prompt_version else "–"
    _fact(run, "Analysed by, prompt", f"{model}, {prompt}")
    st.caption(f":material/lock: {plain(_privacy(row))}")


def _fact(
    column: st.delta_generator.DeltaGenerator, name: str, value: str, help_text: str | None = None
) -> None:
    with column:
        st.caption(name)
        st.markdown(plain(value), help=help_text)


def _privacy(row: SessionRow) -> str:
    """Where the recording is, and why."""
    if row.audio_deleted_at:
        return f"Audio deleted {ago(row.audio_deleted_at)} ({exact(row.audio_deleted_at)})."
    if not row.audio_held:
        return "No audio was uploaded."
    if row.status is Status.FAILED and not is_moving(row):
        hours = services().settings.audio_retention_hours
        return f"Audio held for a re-run; it is deleted {hours} h after the failure."
    return f"Audio held since {ago(row.created_at)}; deleted once it is transcribed."


def _draw_live(row: SessionRow) -> None:
    """Status, and while it moves a poll that ends in one full redraw."""
    moving = is_moving(row) or _has_waiting_run(row)

    @st.fragment(run_every=POLL_SECONDS if moving else None)
    def live() -> None:
        now = review.session_row(services(), row.id)
        st.subheader(plain(status_text(now)))
        if (now.status, now.stage, now.attempts) != (row.status, row.stage, row.attempts):
            st.rerun()

    live()


def _has_waiting_run(row: SessionRow) -> bool:
    return row.attempts == 0 and row.status is not Status.CREATED


def _draw_problem() -> None:
    problem: RostrumError | None = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        draw_error(problem)


def _draw_actions(detail: SessionDetail) -> None:
    looking = viewer()
    if not looking.may(Role.QA):
        return
    row = detail.row
    busy = row.status is Status.PROCESSING or _has_waiting_run(row)
    again, whole, delete, _ = st.columns([2, 2, 2, 3])
    again.button(
        "Analyse again",
        key="session_rerun_analysis",
        icon=":material/refresh:",
        disabled=busy or detail.transcript is None,
        help="It is being processed." if busy else "Keeps the transcript, asks for new feedback.",
        on_click=_rerun,
        args=(row.id, Scope.ANALYSIS),
    )
    whole.button(
        "Process whole again",
        key="session_rerun_full",
        icon=":material/replay:",
        disabled=busy or not row.audio_held,
        help=None if row.audio_held else "The audio was deleted, as promised to learners.",
        on_click=_rerun,
        args=(row.id, Scope.FULL),
    )
    if looking.may(Role.ADMIN) and delete.button(
        "Delete", key="session_delete", icon=":material/delete:"
    ):
        _confirm_delete(row.id)


def _rerun(session_id: UUID, scope: Scope) -> None:
    asker = require(Role.QA)
    try:
        intake.rerun(services(), session_id, scope=scope, staff=asker)
    except RostrumError as error:
        st.session_state[PROBLEM] = error


@st.dialog("Delete this session?")
def _confirm_delete(session_id: UUID) -> None:
    st.markdown(
        "Transcript, feedback, events and any audio are deleted for good, and the learner's "
        "profile is derived anew without this talk."
    )
    st.button(
        "Delete for good",
        key="session_delete_sure",
        type="primary",
        on_click=_delete,
        args=(session_id,),
    )
    if DELETED in st.session_state or PROBLEM in st.session_state:
        st.rerun()


def _delete(session_id: UUID) -> None:
    asker = require(Role.ADMIN)
    try:
        intake.delete_session(services(), session_id, staff=asker)
    except RostrumError as error:
        st.session_state[PROBLEM] = error
    else:
        st.session_state[DELETED] = True


def _draw_body(detail: SessionDetail) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Transcript")
        if detail.transcript:
            draw_transcript(detail.transcript, detail.insights, asked=detail.row.language)
        else:
            st.caption("There is no transcript yet.")
    with right:
        st.subheader("Feedback")
        if detail.summary is None:
            st.caption("There is no feedback yet.")
        else:
            draw_summary(detail)
            draw_insights(detail.insights)
            draw_dropped(detail.dropped)
    if detail.summary is not None:
        st.subheader("Metrics")
        draw_measures(detail)
        st.subheader("Export")
        draw_exports(detail.row.id)
    st.subheader("Runs")
    draw_runs(detail.runs)
    st.subheader("Timeline")
    draw_timeline(detail.events)


page()
