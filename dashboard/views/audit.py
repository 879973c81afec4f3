"""The audit: who did what to which session, when and why; filtered by the address bar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from uuid import UUID

import streamlit as st

from dashboard.access import renewed, require
from dashboard.components.audit_entries import ACTIONS, draw_entries
from dashboard.links import AuditLink
from dashboard.services import services
from pipeline import audit_trail
from pipeline.audit_entry import Wanted
from pipeline.audit_trail import TrailPage
from pipeline.staff import AuditAction, Role, Staff

PAGE_SIZE = 50
CURSORS = "audit_cursors"
PROBLEM = "audit_problem"


def page() -> None:
    """Draw the page, for admins only."""
    looking = require(Role.ADMIN)
    st.title("Audit")
    filters = AuditLink.read()
    _draw_filters(filters)
    cursors: list[str] = st.session_state.setdefault(CURSORS, [])
    wanted = _wanted(filters)
    found = audit_trail.page(
        services(),
        looking,
        wanted,
        limit=PAGE_SIZE,
        cursor=cursors[-1] if cursors else None,
    )
    if not found.entries and filters.query:
        st.info("No entry matches these filters.", icon=":material/search_off:")
    else:
        draw_entries(found.entries)
    _draw_paging(found, cursors)
    _draw_export(looking, wanted)


def _wanted(filters: AuditLink) -> Wanted:
    return Wanted(
        actor=filters.actor,
        action=filters.action,
        session_id=filters.session_id,
        learner_id=filters.user_id,
        since=_midnight(filters.since),
        until=_midnight(filters.until, days=1),
    )


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    if day is None:
        return None
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    # The last day that there is has no day after it.
    return midnight + timedelta(days=days) if day < date.max else None


def _draw_filters(filters: AuditLink) -> None:
    if problem := st.session_state.pop(PROBLEM, None):
        st.warning(problem, icon=":material/error:")
    # The address bar is the one truth: the widgets show it, and write to it when changed.
    st.session_state.update(
        audit_actor=filters.actor or "",
        audit_action=filters.action,
        audit_session=str(filters.session_id or ""),
        audit_learner=filters.user_id or "",
        audit_since=filters.since,
        audit_until=filters.until,
    )
    actor, action, session = st.columns(3)
    actor.text_input("Who", key="audit_actor", on_change=_filter, placeholder="E-mail")
    action.selectbox(
        "What",
        [None, *AuditAction],
        format_func=lambda option: "All" if option is None else ACTIONS[option],
        key="audit_action",
        on_change=_filter,
    )
    session.text_input("Session id", key="audit_session", on_change=_filter)
    learner, since, until, clear = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    learner.text_input("Learner id", key="audit_learner", on_change=_filter)
    since.date_input("From (UTC)", key="audit_since", on_change=_filter, format="YYYY-MM-DD")
    until.date_input("To (UTC)", key="audit_until", on_change=_filter, format="YYYY-MM-DD")
    clear.button("Clear", key="audit_clear", on_click=_clear, disabled=not filters.query)


def _filter() -> None:
    """Put the filters into the address bar."""
    state = st.session_state
    typed = state["audit_session"].strip()
    if typed and _id_or_none(typed) is None:
        state[PROBLEM] = "This is no session id. Copy it whole, for example from a link."
        return
    chosen = AuditLink(
        actor=state["audit_actor"].strip() or None,
        action=state["audit_action"],
        session_id=_id_or_none(typed),
        user_id=state["audit_learner"].strip() or None,
        since=state["audit_since"],
        until=state["audit_until"],
    )
    st.query_params.from_dict(chosen.query)
    state[CURSORS] = []


def _id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _clear() -> None:
    st.query_params.clear()
    st.session_state[CURSORS] = []


def _draw_paging(found: TrailPage, cursors: list[str]) -> None:
    back, forward = st.columns(2)
    if cursors:
        back.button("Newer", key="audit_newer", on_click=_newer)
    if found.next_cursor:
        forward.button(
            "Older", key="audit_older", on_click=cursors.append, args=(found.next_cursor,)
        )


def _newer() -> None:
    # A second click comes when there is nothing left to go back to.
    del st.session_state[CURSORS][-1:]


def _draw_export(looking: Staff, wanted: Wanted) -> None:
    st.download_button(
        "Export all that match",
        data=partial(_export, looking, wanted),
        file_name="audit.csv",
        mime="text/csv",
        key="audit_export",
        icon=":material/download:",
        on_click="ignore",
        help="As CSV. The export is an entry of the audit itself.",
    )


def _export(looking: Staff, wanted: Wanted) -> str:
    """Made when it is asked for, which may be long after the page was drawn."""
    return audit_trail.export(services(), renewed(looking), wanted)


page()
