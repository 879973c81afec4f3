"""Acting on many sessions, for every page that lists some: ask first, start once, show how far.

`draw_bulk` stands beside a list, `ask` opens the question for a page of its own, `draw_jobs`
shows what came of it. A click only starts a job; the work is the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from dashboard.access import NoAccess, renewed, require, viewer
from dashboard.components.bulk import (
    LABELS,
    SHOWN,
    Chosen,
    Question,
    draw_job,
    draw_question,
    sessions,
)
from dashboard.components.failure import draw_error
from dashboard.services import services
from dashboard.trouble import draw_trouble
from pipeline import bulk, bulk_export
from pipeline.bulk_action import BulkAction, BulkProgress, BulkState
from pipeline.errors import InvalidInput, RostrumError
from pipeline.staff import Role, Staff

POLL_SECONDS = 2
SCOPE = "bulk_scope"
"""Widget: whether the selected are meant, or all that match."""
ASKED = "bulk_asked"
"""A question that the run after the click opens."""
PROBLEM = "bulk_problem"
"""Why the last click did nothing."""
STARTED = "bulk_started"
"""The question that was answered with a yes: the dialog closes."""
FOLLOWED = "bulk_followed"
"""Jobs that this person started here: shown when they are over, too."""


@dataclass(frozen=True, slots=True)
class Matching:
    """All sessions that match the filters of a list."""

    count: int
    """How many, as far as was counted."""
    ids: Callable[[], Sequence[UUID]]
    """Called when something is to be done to all of them."""


def draw_bulk(
    selected: Sequence[Chosen], matching: Matching, *, people: Sequence[str] = ()
) -> None:
    """The buttons for what can be done to the selected, or to all that match.

    `people` are those whom sessions can be assigned to.
    """
    looking = viewer()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        everything = st.radio(
            "Act on",
            [False, True],
            format_func=lambda all_: (
                f"All that match ({matching.count:,})"
                if all_
                else f"The {len(selected):,} selected"
            ),
            key=SCOPE,
            horizontal=True,
        )
        count = matching.count if everything else len(selected)
        ids = matching.ids if everything else lambda: [chosen.id for chosen in selected]
        for action in (
            BulkAction.RERUN_ANALYSIS,
            BulkAction.RERUN_FULL,
            BulkAction.ASSIGN,
            BulkAction.DELETE,
        ):
            if looking.may(action.needs):
                label, icon = LABELS[action]
                st.button(
                    label,
                    key=f"bulk_{action}",
                    icon=icon,
                    disabled=not 0 < count <= bulk.MOST_SESSIONS,
                    help=_hindrance(count, bulk.MOST_SESSIONS),
                    on_click=_ask_for,
                    args=(action, ids, tuple(selected), tuple(people)),
                )
        _draw_export(count, ids, looking)
    draw_answers()


def _hindrance(count: int, most: int) -> str | None:
    if count == 0:
        return "Choose rows first, or “All that match”."
    return None if count <= most else f"At most {most:,} at once: narrow the filters."


def _draw_export(count: int, ids: Callable[[], Sequence[UUID]], looking: Staff) -> None:
    st.download_button(
        "Export",
        data=lambda: bulk_export.export_sessions(services(), renewed(looking), ids()),
        file_name="sessions.zip",
        mime="application/zip",
        key="bulk_export",
        icon=":material/download:",
        on_click="ignore",
        disabled=not 0 < count <= bulk_export.MOST_EXPORTED,
        help=_hindrance(count, bulk_export.MOST_EXPORTED)
        or "A zip with a JSON file for each; the audit tells of it.",
    )


def _ask_for(
    action: BulkAction,
    ids: Callable[[], Sequence[UUID]],
    drawn: tuple[Chosen, ...],
    people: tuple[str, ...],
) -> None:
    """Fix what is meant at the click: what is confirmed is what is acted on."""
    try:
        require(action.needs)
        meant = tuple(ids())
    except (RostrumError, NoAccess) as refusal:
        refuse(refusal)
    else:
        ask(action, meant, first=drawn, people=people)


def refuse(refusal: RostrumError | NoAccess) -> None:
    """Let the next `draw_answers` say why a click did nothing."""
    st.session_state[PROBLEM] = refusal


def is_asked() -> bool:
    """Whether a question waits for `draw_answers`: a fragment that was clicked reruns the page."""
    return ASKED in st.session_state or PROBLEM in st.session_state


def ask(
    action: BulkAction,
    ids: Sequence[UUID],
    *,
    first: Sequence[Chosen] = (),
    people: Sequence[str] = (),
) -> None:
    """Open the question with the next `draw_answers`. `first` names some of the sessions."""
    meant = tuple(dict.fromkeys(ids))
    if not meant:
        refuse(InvalidInput("There is no session left that this could be done to. Look again."))
        return
    known = {chosen.id: chosen.name for chosen in first}
    named = tuple(Chosen(each, known.get(each, "Session")) for each in meant[:SHOWN])
    st.session_state[ASKED] = Question(bulk.new_job_id(), action, meant, named, tuple(people))
    st.session_state.pop(PROBLEM, None)


def draw_answers() -> None:
    """Open the question that was asked, or say what the last click came to."""
    started: Question | None = st.session_state.pop(STARTED, None)
    if started is not None:
        label, _ = LABELS[started.action]
        st.success(
            f"Begun: {label.lower()}, {sessions(len(started.ids))}. It goes on by itself, "
            "whatever becomes of this page.",
            icon=":material/check:",
        )
    asked: Question | None = st.session_state.pop(ASKED, None)
    if asked is not None:
        _confirm(asked)
    else:
        _draw_problem()


def _draw_problem() -> None:
    problem: RostrumError | NoAccess | None = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        draw_trouble(problem)


@st.dialog("Please confirm", width="medium")
def _confirm(question: Question) -> None:
    st.session_state.pop(ASKED, None)
    draw_question(question)
    _draw_problem()
    label, icon = LABELS[question.action]
    st.button(
        f"{label}: {sessions(len(question.ids))}",
        key=question.key("sure"),
        type="primary",
        icon=icon,
        on_click=_start,
        args=(question,),
    )
    if STARTED in st.session_state:
        st.rerun()


def _start(question: Question) -> None:
    """Start the job, once; where that fails the question stays, with all that was typed."""
    state = st.session_state
    try:
        _check_typed(question)
        bulk.start(
            services(),
            require(question.action.needs),
            question.action,
            session_ids=question.ids,
            reason=state[question.key("reason")],
            argument=state.get(question.key("whom")),
            job_id=question.job_id,
        )
    except (RostrumError, NoAccess) as refusal:
        refuse(refusal)
        state[ASKED] = question
        return
    bulk.begin(services(), question.job_id)
    state[STARTED] = question
    # The next action is about what is selected again, unless somebody says otherwise.
    state[SCOPE] = False
    state[FOLLOWED] = {*state.get(FOLLOWED, ()), question.job_id}


def _check_typed(question: Question) -> None:
    count = str(len(question.ids))
    if question.must_be_typed:
        typed = st.session_state[question.key("typed")]
        if typed.strip().replace(",", "") != count:
            raise InvalidInput(f"Type {count}, the number of sessions, to confirm.")


def draw_jobs(*, over_too: bool = False) -> None:
    """Jobs under way and those begun here, polled while one moves. `over_too`: all recent ones."""
    looking = viewer()
    try:
        moving = any(job.state is BulkState.RUNNING for job in _shown(over_too=over_too))
    except RostrumError as error:
        draw_error(error)
        return

    @st.fragment(run_every=POLL_SECONDS if moving else None)
    def strip() -> None:
        _draw_problem()
        try:
            shown = _shown(over_too=over_too)
        except RostrumError as error:
            draw_error(error)
            return
        if over_too and not shown:
            st.caption("Nothing was done to many sessions at once within the last month.")
        for job in shown:
            may_stop = looking.may(Role.ADMIN if job.requested_by != looking.name else Role.QA)
            draw_job(job, on_stop=_stop if may_stop else None)

    strip()


def _shown(*, over_too: bool) -> list[BulkProgress]:
    followed = st.session_state.get(FOLLOWED, set())
    return [
        job
        for job in bulk.recent(services())
        if over_too or job.state is BulkState.RUNNING or job.id in followed
    ]


def _stop(job_id: UUID) -> None:
    try:
        bulk.stop(services(), require(Role.QA), job_id)
    except (RostrumError, NoAccess) as refusal:
        refuse(refusal)
