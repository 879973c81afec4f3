"""What each run of a viewer begins with: let them in, build their navigation, draw the page."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from dashboard.access import NoAccess, NotAdmitted, NotSignedIn, providers, sign_out, viewer
from dashboard.links import (
    AUDIT_PAGE,
    LEARNER_PAGE,
    OPERATIONS_PAGE,
    QUALITY_PAGE,
    REVIEW_QUEUE_PAGE,
    SESSION_PAGE,
    SESSIONS_PAGE,
    UPLOAD_PAGE,
)
from dashboard.trouble import draw_trouble
from pipeline.errors import RostrumError
from pipeline.settings import UnsafeConfiguration
from pipeline.staff import Role, Staff

STYLE = """<style>
[data-variant='pills'][data-selected] { color: inherit !important; }
@media (min-width: 641px) {
  [data-testid='stMainBlockContainer'] { padding: 4rem 2.5rem; }
}
</style>"""
"""Streamlit writes a chosen pill in the primary colour, which is too dark for words on dark, and
keeps margins of 5rem, which the tables want for their columns."""


def main() -> None:
    """Let the viewer in, build the navigation for their role, run the page."""
    st.set_page_config(page_title="Rostrum", page_icon="🎙️", layout="wide")
    st.html(STYLE)
    try:
        looking = viewer()
    except NoAccess as refusal:
        # The pages are named all the same: the address bar keeps what was asked for.
        st.navigation(_pages(Role.ADMIN), position="hidden")
        _refuse(refusal)
        return
    page = st.navigation(_pages(looking.role))
    _draw_viewer(looking)
    try:
        page.run()
    except (NoAccess, UnsafeConfiguration, RostrumError) as trouble:
        draw_trouble(trouble)


def _pages(role: Role) -> dict[str, list[st.Page]]:
    """The navigation's groups. A link to what is above the role leads to a refusal in words."""

    def page(path: str, title: str, icon: str, *, needs: Role = Role.COACH) -> st.Page:
        shown: Literal["visible", "hidden"] = "visible" if role >= needs else "hidden"
        return st.Page(path, title=title, icon=f":material/{icon}:", visibility=shown)

    return {
        "Work": [
            st.Page(SESSIONS_PAGE, title="Sessions", icon=":material/list:", default=True),
            st.Page(SESSION_PAGE, title="Session", visibility="hidden"),
            page(LEARNER_PAGE, "Learner", "person"),
            page(UPLOAD_PAGE, "Upload", "upload", needs=Role.QA),
        ],
        "Quality": [
            page(REVIEW_QUEUE_PAGE, "Review queue", "rate_review"),
            page(QUALITY_PAGE, "Quality", "verified"),
        ],
        "Operate": [
            page(OPERATIONS_PAGE, "Operations", "monitor_heart", needs=Role.ADMIN),
            page(AUDIT_PAGE, "Audit", "history", needs=Role.ADMIN),
        ],
    }


def _draw_viewer(looking: Staff) -> None:
    """Who is signed in, and the way out."""
    if looking.is_local:
        st.caption(":material/computer: Local mode: you are admin, on this machine only.")
        return
    with st.sidebar:
        st.text(f"{looking.name}\n{looking.role.name.lower()}")
        st.button("Sign out", key="sign_out", icon=":material/logout:", on_click=sign_out)


def _refuse(refusal: NoAccess) -> None:
    st.title("Rostrum")
    if not isinstance(refusal, NotSignedIn):
        st.error(str(refusal), icon=":material/lock:")
        if isinstance(refusal, NotAdmitted):
            st.button("Sign out", key="sign_out", icon=":material/logout:", on_click=sign_out)
        return
    st.info(str(refusal), icon=":material/lock:")
    for provider in providers():
        st.button(
            f"Sign in with {provider.capitalize()}" if provider else "Sign in",
            type="primary",
            key=f"sign_in_{provider}" if provider else "sign_in",
            on_click=st.login,
            args=(provider,),
        )


main()
