"""The dashboard's door: `python -m streamlit run dashboard/app.py`."""

from __future__ import annotations

import streamlit as st

from dashboard.access import NoAccess, viewer
from dashboard.components.failure import draw_error
from dashboard.links import (
    LEARNER_PAGE,
    OPERATIONS_PAGE,
    QUALITY_PAGE,
    REVIEW_QUEUE_PAGE,
    SESSION_PAGE,
    SESSIONS_PAGE,
    UPLOAD_PAGE,
)
from pipeline.errors import RostrumError
from pipeline.settings import UnsafeConfiguration
from pipeline.staff import Role, Staff


def main() -> None:
    """Let the viewer in, build the navigation for their role, run the page."""
    st.set_page_config(page_title="Rostrum", page_icon=":material/podium:", layout="wide")
    try:
        looking = viewer()
    except NoAccess as refusal:
        _refuse(refusal)
        return
    if looking.is_local:
        st.caption(":material/computer: Local mode: you are admin, on this machine only.")
    page = st.navigation(_pages(looking))
    try:
        page.run()
    except NoAccess as refusal:
        st.error(str(refusal), icon=":material/lock:")
    except UnsafeConfiguration as refusal:
        st.error(str(refusal), icon=":material/lock:")
    except RostrumError as error:
        draw_error(error)


def _pages(looking: Staff) -> dict[str, list[st.Page]]:
    """The navigation's groups, as far as the viewer's role goes."""
    work = [
        st.Page(SESSIONS_PAGE, title="Sessions", icon=":material/list:", default=True),
        st.Page(SESSION_PAGE, title="Session", visibility="hidden"),
        st.Page(LEARNER_PAGE, title="Learner", icon=":material/person:"),
    ]
    if looking.may(Role.QA):
        work.append(st.Page(UPLOAD_PAGE, title="Upload", icon=":material/upload:"))
    quality = [
        st.Page(REVIEW_QUEUE_PAGE, title="Review queue", icon=":material/rate_review:"),
        st.Page(QUALITY_PAGE, title="Quality", icon=":material/verified:"),
    ]
    if not looking.may(Role.ADMIN):
        return {"Work": work, "Quality": quality}
    operations = st.Page(OPERATIONS_PAGE, title="Operations", icon=":material/monitor_heart:")
    return {"Work": work, "Quality": quality, "Operate": [operations]}


def _refuse(refusal: NoAccess) -> None:
    st.title("Rostrum")
    st.error(str(refusal), icon=":material/lock:")
    if "sign in" in str(refusal) and st.button("Sign in", type="primary", key="sign_in"):
        st.login()


main()
