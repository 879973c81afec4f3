"""One session: live while it moves, then transcript, feedback, metrics, runs, events and audit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import streamlit as st

from dashboard.access import viewer
from dashboard.components.audit_entries import draw_entries
from dashboard.components.exports import draw_exports
from dashboard.components.failure import draw_failure
from dashboard.components.feedback import (
    draw_dropped,
    draw_insights,
    draw_strengths,
    draw_summary,
)
from dashboard.components.measures import draw_measures
from dashboard.components.place import in_hand, jump_to, take
from dashboard.components.run_comparison import draw_comparison
from dashboard.components.session_header import (
    WITHHELD_WORDS,
    audio_clock,
    draw_facts,
    draw_stages,
    removed_text,
)
from dashboard.components.talk_charts import draw_pace, draw_pauses
from dashboard.components.timeline import draw_runs, draw_timeline
from dashboard.components.transcript import draw_place, draw_transcript
from dashboard.components.verdicts import WORDS, draw_verdict
from dashboard.links import SESSIONS_PAGE, SessionLink, SessionsLink
from dashboard.services import services
from dashboard.session_actions import (
    DELETED,
    PROBLEM,
    ask_current,
    draw_actions,
    draw_problem,
    is_busy,
)
from dashboard.session_gone import draw_gone, remember_open
from dashboard.session_keys import draw_bar
from dashboard.verdict_writes import verdict_actions
from dashboard.wording import is_moving, plain, status_text
from pipeline import audit_trail, review, reviewing, session_list
from pipeline.comparison import compare
from pipeline.errors import NotFound
from pipeline.session import Example, Insight, Moment, SessionDetail, SessionRow
from pipeline.staff import Role
from pipeline.status import Outcome

PAGE = "session"
POLL_SECONDS = 1


def page() -> None:
    """Draw the session that the address bar names."""
    if st.session_state.pop(DELETED, False):
        st.switch_page(SESSIONS_PAGE)
    link = SessionLink.read()
    if link is None:
        st.page_link(SESSIONS_PAGE, label="All sessions", icon=":material/arrow_back:")
        st.warning(
            "This link names no session. Pick one from the list.", icon=":material/link_off:"
        )
        return
    looking = viewer()
    filters = SessionsLink.read()
    criteria = filters.criteria(me=looking.name, now=services().now())
    beside = session_list.neighbours(services(), link.session_id, criteria)
    draw_bar(link, beside, filters)
    try:
        detail = review.session_detail(services(), link.session_id, staff=looking)
    except NotFound:
        draw_gone(link.session_id)
        return
    remember_open(link.session_id)
    _draw_header(detail)
    draw_problem()
    draw_actions(detail)
    _draw_talk_and_feedback(detail)
    if detail.summary is not None:
        _draw_figures(detail)
    _draw_runs(detail)
    st.subheader("Timeline")
    draw_timeline(detail.events)
    _draw_audit(detail.row.id)


def _draw_header(detail: SessionDetail) -> None:
    row = detail.row
    st.title(plain(row.title or "Untitled talk"))
    _draw_live(row)
    if row.error:
        draw_failure(row.error)
    draw_facts(detail)
    draw_stages(detail, now=services().now())
    hours = services().settings.audio_retention_hours
    st.caption(f":material/lock: {plain(audio_clock(detail, retention_hours=hours))}")


def _draw_live(row: SessionRow) -> None:
    """Status, and while it moves a poll that ends in one full redraw."""
    moving = is_moving(row) or is_busy(row)

    @st.fragment(run_every=POLL_SECONDS if moving else None)
    def live() -> None:
        try:
            now = review.session_row(services(), row.id)
        except NotFound:
            st.rerun()
        st.subheader(plain(status_text(now)))
        if (now.status, now.stage, now.attempts) != (row.status, row.stage, row.attempts):
            st.rerun()

    live()


def _draw_talk_and_feedback(detail: SessionDetail) -> None:
    session_id = detail.row.id
    hand = in_hand(PAGE, session_id)

    def show(insight: Insight | None, quote: Example) -> None:
        of = insight.id if insight else None
        jump_to(PAGE, session_id, of, quote.start_offset, quote.end_offset)

    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Transcript")
        if detail.transcript:
            draw_transcript(
                detail.transcript,
                detail.insights,
                asked=detail.row.language,
                on_pick=partial(take, PAGE, session_id),
            )
        elif detail.row.transcript_removed_because:
            st.info(plain(removed_text(detail.row)), icon=":material/speaker_notes_off:")
        elif detail.withholds_words:
            st.info(WITHHELD_WORDS, icon=":material/speaker_notes_off:")
        else:
            st.caption("There is no transcript yet.")
        draw_place(hand, detail.transcript, detail.insights)
    with right:
        st.subheader("Feedback")
        if detail.summary is None:
            st.caption("There is no feedback yet.")
            return
        draw_summary(detail)
        # Without the words there is nothing to judge an insight by.
        beneath = _verdicts_of(session_id) if detail.transcript else None
        draw_insights(detail.insights, hand=hand, on_quote=show, beneath=beneath)
        draw_strengths(detail.strengths, on_quote=show)
        draw_dropped(detail.dropped)


def _verdicts_of(session_id: UUID) -> Callable[[Insight], None]:
    """What draws the verdict beneath an insight, folded in: most who come here only read."""
    opinions = reviewing.opinions(services(), viewer(), session_id)
    actions = verdict_actions(PROBLEM)

    def draw(insight: Insight) -> None:
        said = opinions.of(insight.id)
        word = f"Verdict: {WORDS[said.mine.verdict][0]}" if said.mine else "Judge"
        with st.expander(word, key=f"session_judge_{insight.id}", icon=":material/gavel:"):
            draw_verdict(insight.id, said, prefix=PAGE, actions=actions)

    return draw


def _draw_figures(detail: SessionDetail) -> None:
    def show(moment: Moment) -> None:
        jump_to(PAGE, detail.row.id, None, moment.start_offset, moment.end_offset)

    st.subheader("Metrics")
    draw_measures(detail, on_moment=show)
    pace, pauses = st.columns(2, gap="large")
    with pace:
        draw_pace(detail.metrics)
    if detail.transcript:
        with pauses:
            draw_pauses(detail.transcript.silences, detail.transcript.duration_seconds)
    st.subheader("Export")
    draw_exports(detail.row.id)


def _draw_runs(detail: SessionDetail) -> None:
    st.subheader("Runs")
    draw_runs(detail.runs, shown=detail.result_run_id)
    completed = {run.number: run for run in detail.runs if run.outcome is Outcome.COMPLETED}
    if len(completed) < 2 or not st.toggle("Compare two runs", key="session_compare"):  # noqa: PLR2004 - two are compared
        return
    numbers = list(completed)
    one, other = st.columns(2)
    first = one.selectbox("Run", numbers, index=len(numbers) - 2, key="session_compare_first")
    second = other.selectbox(
        "With run", numbers, index=len(numbers) - 1, key="session_compare_second"
    )
    found = compare(services(), detail.row.id, completed[first].id, completed[second].id)
    may_choose = viewer().may(Role.QA) and not is_busy(detail.row)
    draw_comparison(
        found,
        shown=detail.result_run_id,
        on_current=partial(ask_current, detail.row.id) if may_choose else None,
    )


def _draw_audit(session_id: UUID) -> None:
    """Who of the staff did what, for admins."""
    looking = viewer()
    if not looking.may(Role.ADMIN):
        return
    st.subheader("Audit")
    draw_entries(audit_trail.of_session(services(), looking, session_id), with_session=False)


page()
