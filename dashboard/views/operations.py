"""Operations: whether everything answers, how the work goes, what failed and was given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dashboard.access import NoAccess, require
from dashboard.bulk_actions import ask, draw_answers, draw_jobs, is_asked, refuse
from dashboard.components.failure import draw_error
from dashboard.components.work_charts import draw_stages, draw_volumes
from dashboard.components.workload import (
    WINDOWS,
    draw_failures,
    draw_parts,
    draw_standing,
    draw_sweep,
    draw_throughput,
)
from dashboard.dead_letters import draw_letters, draw_outcome
from dashboard.services import services
from dashboard.wording import ago
from pipeline import figures, health
from pipeline.bulk_action import BulkAction
from pipeline.errors import RostrumError
from pipeline.staff import Role
from pipeline.workload import FailureGroup, Window

REFRESH = {"Off": None, "5 s": 5, "10 s": 10, "30 s": 30}
# Comments, not docstrings: Streamlit writes bare strings of a page onto it.
# When the figures were read, what did not answer then, and what the vendors last answered.
UPDATED = "operations_updated"
FAULTS = "operations_faults"
VENDORS = "operations_vendors"


def page() -> None:
    """Draw the page, for admins only."""
    require(Role.ADMIN)
    st.title("Operations")
    draw_outcome()
    draw_answers()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        window = st.radio(
            "Figures of",
            [*Window],
            index=1,
            format_func=WINDOWS.__getitem__,
            key="operations_window",
            horizontal=True,
        )
        every = REFRESH[st.selectbox("Refresh", list(REFRESH), 2, key="operations_refresh")]
        st.button("Refresh now", key="operations_refresh_now", icon=":material/refresh:")
        st.button(
            "Ask the vendors",
            key="operations_ask_vendors",
            icon=":material/network_check:",
            help="Whether transcription and analysis take our key and know our model. Free.",
            on_click=_ask_vendors,
        )
    _draw_vendors()
    _draw_live(window, every)
    _draw_age(every)
    # A part that is away is told once, above, and keeps nothing else from being drawn.
    has_database = st.session_state[FAULTS]["database"] is None
    if has_database:
        _section("Sessions by day", lambda: draw_volumes(figures.volumes(services())))
        _section("Work on many sessions", lambda: draw_jobs(over_too=True))
    if has_database and st.session_state[FAULTS]["queue"] is None:
        _section("Dead letters", draw_letters)


def _section(title: str, draw: Callable[[], None]) -> None:
    """One part of the page: what goes wrong in it goes wrong in it alone."""
    st.subheader(title)
    try:
        draw()
    except RostrumError as error:
        draw_error(error)


def _draw_live(window: Window, every: int | None) -> None:
    """All that is polled; dialogs open outside of it, since a poll would close them."""

    @st.fragment(run_every=every)
    def live() -> None:
        if is_asked():
            st.rerun()
        faults = health.check(services())
        st.session_state[FAULTS] = faults
        st.session_state[UPDATED] = datetime.now(UTC)
        draw_parts(faults)
        if faults["database"] is None:
            _section("Now", lambda: _draw_figures(window))
            _section("Failures that stand", _draw_failures)

    live()


def _draw_figures(window: Window) -> None:
    found = figures.workload(services(), window)
    draw_standing(found.standing)
    draw_sweep(found.last_sweep, now=found.at)
    st.subheader(WINDOWS[window])
    draw_throughput(found.throughput)
    draw_stages(found.throughput.stages, is_sampled=found.throughput.is_sampled)


def _draw_failures() -> None:
    draw_failures(figures.failures(services()), on_retry=_retry)


def _draw_age(every: int | None) -> None:
    """How old the figures are; while they are polled, it is counted."""

    @st.fragment(run_every=1 if every else None)
    def age() -> None:
        st.caption(f":material/schedule: Updated {ago(st.session_state[UPDATED])}")

    age()


def _retry(group: FailureGroup) -> None:
    try:
        require(Role.ADMIN)
        ask(BulkAction.RETRY, figures.rerunnable(services(), group.code))
    except (RostrumError, NoAccess) as refusal:
        refuse(refusal)


def _ask_vendors() -> None:
    try:
        require(Role.ADMIN)
    except NoAccess as refusal:
        refuse(refusal)
    else:
        st.session_state[VENDORS] = (datetime.now(UTC), health.check_vendors(services()))


def _draw_vendors() -> None:
    if VENDORS in st.session_state:
        at, answered = st.session_state[VENDORS]
        draw_parts(answered)
        st.caption(f"Asked {ago(at)}.")


page()
