"""Who is looking, and what they may do. Roles are read on every run and before every write."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import streamlit as st

from pipeline.settings import is_loopback
from pipeline.staff import Role, Staff

ROLE_VARIABLES = {
    Role.ADMIN: "DASHBOARD_ADMINS",
    Role.QA: "DASHBOARD_QA",
    Role.COACH: "DASHBOARD_COACHES",
}
"""E-mails, separated by commas."""


class NoAccess(Exception):
    """The message says why, and what to do."""


def viewer() -> Staff:
    """Who is looking now.

    Raises:
        NoAccess: not signed in, without a role, or sign-in is not set up.
    """
    if _has_sign_in():
        return _signed_in()
    if os.environ.get("APP_ENV", "local") == "local" and _is_local():
        return Staff("local admin", Role.ADMIN, is_local=True)
    raise NoAccess(
        "Sign-in is not set up. Without it the dashboard works on its own machine only: "
        "configure [auth] in .streamlit/secrets.toml."
    )


def require(role: Role) -> Staff:
    """The viewer, for a write that needs `role`.

    Raises:
        NoAccess: the viewer may not.
    """
    found = viewer()
    if not found.may(role):
        raise NoAccess(f"This needs the role {role.name.lower()}; yours is less.")
    return found


def _has_sign_in() -> bool:
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def _signed_in() -> Staff:
    if not st.user.is_logged_in:
        raise NoAccess("Please sign in.")
    email = str(st.user.get("email") or "").strip().lower()
    if not email or st.user.get("email_verified") is False:
        raise NoAccess("Your account has no verified e-mail address.")
    for role, variable in ROLE_VARIABLES.items():
        if email in _emails(variable):
            return Staff(email, role)
    raise NoAccess("Your account has no role here. Ask an admin to add you.")


def _emails(variable: str) -> set[str]:
    listed = os.environ.get(variable, "").split(",")
    return {email.strip().lower() for email in listed if email.strip()}


def _is_local() -> bool:
    """Whether we listen on this machine only, and were called by a name of this machine.

    The name keeps out pages from elsewhere, and a proxy that would forward to us.
    """
    address = st.get_option("server.address") or ""
    host = urlsplit(f"//{st.context.headers.get('host', 'localhost')}").hostname or ""
    return is_loopback(str(address)) and is_loopback(host)
