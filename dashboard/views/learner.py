"""One learner: totals, patterns and what they rest on, trends, focuses, sessions; export, erase."""

from __future__ import annotations

import streamlit as st

from dashboard.access import viewer
from dashboard.components.standing import (
    draw_evidence,
    draw_focuses,
    draw_patterns,
    draw_totals,
)
from dashboard.components.trend_charts import draw_trends
from dashboard.learner_consents import draw_consents
from dashboard.learner_data import ERASED, PROBLEM, draw_data, draw_receipt
from dashboard.links import (
    LEARNER_PAGE,
    SESSION_PAGE,
    SESSIONS_PAGE,
    UPLOAD_PAGE,
    LearnerLink,
    SessionLink,
    SessionsLink,
)
from dashboard.services import services
from dashboard.wording import ago, plain, status_text, typed
from pipeline import learner
from pipeline.errors import NotFound
from pipeline.learner import MOST_FOUND
from pipeline.staff import Role, Staff
from pipeline.standing import LearnerStanding

SHOWN = "learner_shown"
SEARCH = "learner_search"


def page() -> None:
    """Draw the learner that the address bar names, or a choice of learners."""
    st.title("Learner")
    link = LearnerLink.read()
    erased = st.session_state.pop(ERASED, None)
    if erased is not None:
        draw_receipt(erased)
        link = None
    elif link is None and st.query_params.get("id"):
        st.warning("This link names no learner. Pick one.", icon=":material/link_off:")
    _draw_search(link)
    if link is None:
        return
    try:
        standing = learner.standing(services(), link.user_id)
    except NotFound:
        st.session_state.pop(PROBLEM, None)
        st.warning(
            "There is no such learner; they may have been erased.", icon=":material/person_off:"
        )
        return
    _draw_standing(standing, viewer())


def _draw_search(link: LearnerLink | None) -> None:
    """A field for the beginning of an id; without a learner those heard last are offered."""
    state = st.session_state
    here = link.user_id if link else None
    if state.get(SHOWN) != here:
        # Somebody came here by a link: what was searched for is found.
        state[SHOWN], state[SEARCH] = here, ""
    sought = typed(
        st.text_input(
            "Find a learner",
            key=SEARCH,
            max_chars=200,
            placeholder="How the id begins",
            icon=":material/person_search:",
        )
    )
    if (sought or here is None) and sought != here:
        _draw_found(sought)


def _draw_found(sought: str) -> None:
    found = learner.find(services(), sought)
    if sought in {one.user_id for one in found}:
        st.switch_page(LEARNER_PAGE, query_params=LearnerLink(sought).query)
    if found and not sought:
        st.caption("Heard most recently:")
    for one in found[:MOST_FOUND]:
        heard = f"last session {ago(one.last_session_at)}" if one.last_session_at else "no session"
        st.page_link(
            LEARNER_PAGE,
            label=f"{plain(one.user_id)} · {heard}",
            icon=":material/person:",
            query_params=LearnerLink(one.user_id).query,
        )
    if len(found) > MOST_FOUND:
        st.caption(f"These are the first {MOST_FOUND}. Type more of the id to see others.")
    if not found:
        _draw_nobody(sought)


def _draw_nobody(sought: str) -> None:
    if sought:
        st.info("No learner's id begins so.", icon=":material/search_off:")
        return
    st.info("No learner yet: the first recording makes one.", icon=":material/person_add:")
    if viewer().may(Role.QA):
        st.page_link(UPLOAD_PAGE, label="Upload a recording", icon=":material/upload:")


def _draw_standing(standing: LearnerStanding, looking: Staff) -> None:
    user_id = standing.profile.user_id
    st.header(plain(user_id))
    draw_totals(standing.profile)
    st.subheader("Patterns")
    if not standing.profile.tracking:
        st.info(
            "This learner does not agree to be followed over talks: there are no patterns, "
            "trends and focuses.",
            icon=":material/visibility_off:",
        )
    elif standing.patterns:
        draw_patterns(standing)
        _draw_evidence(standing, looking)
    elif standing.profile.sessions_total:
        st.markdown("No pattern was found in this learner's talks yet.")
    else:
        st.caption("There is no completed session yet: patterns and figures come with the first.")
    if standing.profile.trends:
        st.subheader("Metrics")
        draw_trends(standing.profile.trends)
    if standing.focuses:
        st.subheader("Focus")
        draw_focuses(standing.focuses)
    _draw_sessions(standing)
    draw_consents(user_id, standing.held, looking)
    draw_data(standing, looking)


def _draw_evidence(standing: LearnerStanding, looking: Staff) -> None:
    names = {course.standing.pattern_key: course.standing.pattern for course in standing.patterns}
    chosen = st.selectbox(
        "What shows it",
        list(names),
        index=None,
        format_func=lambda key: names.get(key, key),
        placeholder="Choose a pattern to see its newest quotes",
        key="learner_evidence",
    )
    if chosen in names:
        user_id = standing.profile.user_id
        draw_evidence(learner.evidence(services(), user_id, chosen, staff=looking))


def _draw_sessions(standing: LearnerStanding) -> None:
    st.subheader("Sessions")
    for row in standing.sessions:
        st.page_link(
            SESSION_PAGE,
            label=f"{plain(row.title or 'Untitled')} · {status_text(row)} · {ago(row.created_at)}",
            query_params=SessionLink(row.id).query,
        )
    if not standing.sessions:
        st.caption("There is none: all were deleted.")
        return
    st.page_link(
        SESSIONS_PAGE,
        label=f"All {standing.sessions_held} in the list",
        icon=":material/list:",
        query_params=SessionsLink.of({"learner": standing.profile.user_id}).query,
    )


page()
