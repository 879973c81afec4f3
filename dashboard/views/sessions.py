"""The list of sessions: filtered by the address bar, paged by the server, still while one reads."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from dashboard.access import NoAccess, require, viewer
from dashboard.bulk_actions import Matching, draw_bulk, draw_jobs
from dashboard.components.bulk import Chosen
from dashboard.components.failure import draw_error
from dashboard.components.session_filters import VIEW, draw_filters
from dashboard.components.session_news import draw_news
from dashboard.components.session_table import draw_column_choice, draw_links, draw_table
from dashboard.links import SESSION_PAGE, UPLOAD_PAGE, SessionLink, SessionsLink
from dashboard.sample import upload_sample
from dashboard.services import services
from pipeline import bulk, session_list
from pipeline.criteria import Criteria
from pipeline.errors import RostrumError
from pipeline.listed import ListedPage, Offered
from pipeline.staff import Role

PAGE_SIZE = 25
POLL_SECONDS = 3
OPENED = "sessions_opened"
"""The session to go to: its row was clicked, or it was just made of the sample."""
PROBLEM = "sessions_problem"
QUERY = "sessions_query"
"""The filters that the two below belong to."""
UNTIL = "sessions_until"
"""Nothing newer is listed until somebody asks for it: rows do not move while one reads."""
BEFORE = "sessions_before"
"""Where each page that one has gone to begins."""


def page() -> None:
    """Draw the list."""
    link = SessionsLink.read()
    _open_clicked(link)
    st.title("Sessions")
    _draw_problem()
    _keep_place(link)
    now = services().now()
    criteria = link.criteria(me=viewer().name, now=now)
    try:
        offered = session_list.offered(services())
    except RostrumError as error:
        draw_filters(link, Offered(), now=now)
        draw_error(error)
        st.button("Try again", key="sessions_again", icon=":material/refresh:")
        return
    draw_filters(link, offered, now=now)
    pages: list[UUID] = st.session_state[BEFORE]
    found = session_list.page(
        services(),
        criteria,
        until=st.session_state[UNTIL],
        before=pages[-1] if pages else None,
        limit=PAGE_SIZE,
    )
    _draw_strip(found, criteria)
    chosen: tuple[UUID, ...] = ()
    if found.sessions:
        chosen = draw_table(found.sessions, on_open=_remember_clicked)
    else:
        _draw_empty(link)
    _draw_paging(found, pages)
    if found.sessions:
        _draw_chosen(found, chosen, link)
        _draw_actions(found, chosen, criteria, offered.reviewers)


def _remember_clicked(session_id: UUID) -> None:
    st.session_state[OPENED] = session_id


def _open_clicked(link: SessionsLink) -> None:
    """Go to the session that was clicked; its page keeps the filters for the way back."""
    clicked: UUID | None = st.session_state.pop(OPENED, None)
    if clicked is not None:
        st.switch_page(SESSION_PAGE, query_params={**link.query, **SessionLink(clicked).query})


def _keep_place(link: SessionsLink) -> None:
    """Hold the list still while the filters are the same; coming back shows what is new."""
    state = st.session_state
    if state.get(QUERY) != link.query:
        state[QUERY], state[BEFORE] = link.query, []
        _show_new()
    elif VIEW not in state:
        _show_new()


def _show_new() -> None:
    st.session_state[UNTIL] = session_list.this_moment()


def _draw_problem() -> None:
    problem: RostrumError | NoAccess | None = st.session_state.pop(PROBLEM, None)
    if isinstance(problem, RostrumError):
        draw_error(problem)
    elif problem is not None:
        st.error(str(problem), icon=":material/lock:")


def _draw_strip(found: ListedPage, criteria: Criteria) -> None:
    """What moves and what is new: polled only while something moves, and apart from the table."""
    drawn = {row.id: (row.status, row.stage) for row in found.sessions}

    @st.fragment(run_every=POLL_SECONDS if found.moving else None)
    def strip() -> None:
        try:
            news = session_list.news(
                services(), criteria, since=st.session_state[UNTIL], drawn=drawn
            )
        except RostrumError as error:
            draw_error(error)
            return
        if found.moving and not news.moving:
            # Nothing moves any more: the whole page is drawn once, without a poll.
            st.rerun()
        if draw_news(news, on_show=_show_new):
            st.rerun()

    strip()


def _draw_empty(link: SessionsLink) -> None:
    if link.query:
        st.info(
            "No session matches these filters. Take one away, or clear them all.",
            icon=":material/search_off:",
        )
        return
    st.info(
        "No sessions yet. Upload a recording, or try the sample to see what a learner gets.",
        icon=":material/mic:",
    )
    if not viewer().may(Role.QA):
        return
    sample, upload = st.columns([1, 3], vertical_alignment="center")
    sample.button(
        "Try the sample",
        type="primary",
        key="sessions_sample",
        icon=":material/play_arrow:",
        on_click=_try_sample,
    )
    upload.page_link(UPLOAD_PAGE, label="Upload a recording", icon=":material/upload:")


def _try_sample() -> None:
    try:
        _remember_clicked(upload_sample(require(Role.QA)))
    except (RostrumError, NoAccess) as refusal:
        st.session_state[PROBLEM] = refusal


def _draw_paging(found: ListedPage, pages: list[UUID]) -> None:
    told, newer, older, columns = st.columns([4, 1, 1, 2], vertical_alignment="center")
    if found.sessions:
        first = len(pages) * PAGE_SIZE + 1
        all_of_them = f"{found.matching:,}" + ("" if found.is_counted_whole else "+")
        told.caption(f"{first:,}–{first + len(found.sessions) - 1:,} of {all_of_them}")
    if pages:
        newer.button("Newer", key="sessions_newer", on_click=_go_newer)
    if found.next_before:
        older.button(
            "Older", key="sessions_older", on_click=pages.append, args=(found.next_before,)
        )
    with columns:
        draw_column_choice()


def _go_newer() -> None:
    # A second click on the same button comes when there is nothing left to go back to.
    del st.session_state[BEFORE][-1:]


def _draw_chosen(found: ListedPage, chosen: tuple[UUID, ...], link: SessionsLink) -> None:
    """The chosen sessions by name; all of the page where one would rather have links."""
    if chosen:
        draw_links([row for row in found.sessions if row.id in chosen], link)
    with st.expander("This page as links", icon=":material/link:"):
        draw_links(found.sessions, link)


def _draw_actions(
    found: ListedPage, chosen: tuple[UUID, ...], criteria: Criteria, people: tuple[str, ...]
) -> None:
    """What can be done with the chosen, or with all that match; below it, how that goes."""
    named = [Chosen(row.id, row.title or "Untitled") for row in found.sessions if row.id in chosen]
    until = st.session_state[UNTIL]
    # More than were counted are more than one action takes: it asks to narrow the filters.
    count = found.matching if found.is_counted_whole else bulk.MOST_SESSIONS + 1
    draw_bulk(
        named,
        Matching(count, lambda: session_list.matching_ids(services(), criteria, until=until)),
        people=people,
    )
    draw_jobs()


page()
