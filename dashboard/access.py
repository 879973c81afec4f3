"""Who is looking, and what they may do. Roles are read on every run and before every write."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from dashboard.roles import RolesUnreadable, Variables, role_of
from pipeline.settings import is_loopback
from pipeline.staff import Role, Staff

SHORTEST_SECRET = 32
PUBLIC_SECRETS = frozenset({"development-only-development-only"})
"""Of our own examples: anyone can sign a cookie with these."""
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which a proxy says that it stands between."""

log = logging.getLogger(__name__)


class NoAccess(Exception):
    """The message says why, and what to do."""


class NotSignedIn(NoAccess):
    """Signing in helps."""


class NotAdmitted(NoAccess):
    """Signed in, but as nobody who may look; another account may help."""


def viewer() -> Staff:
    """Who is looking now.

    Raises:
        NotSignedIn: nobody yet, or too long ago.
        NotAdmitted: their account has no verified e-mail address, or no role.
        NoAccess: sign-in is not set up.
    """
    if "auth" in _secrets():
        return _signed_in()
    if Variables().app_env == "local" and _is_local():
        return Staff("local admin", Role.ADMIN, is_local=True)
    raise NoAccess(
        "Sign-in is not set up. Without it the dashboard works on its own machine only: "
        "configure [auth] in .streamlit/secrets.toml."
    )


def require(role: Role) -> Staff:
    """The viewer, for a page or a write that needs `role`.

    Raises:
        NoAccess: the viewer may not.
    """
    found = viewer()
    if not found.may(role):
        raise NoAccess(f"This needs the role {role.name.lower()}; yours is less.")
    return found


def renewed(staff: Staff) -> Staff:
    """The same person with today's role, where no page runs: a download that starts later.

    Raises:
        NoAccess: they have none any more.
    """
    return staff if staff.is_local else replace(staff, role=_role_of(staff.name))


def sign_out() -> None:
    """End the viewer's session here and at the provider; their other tabs end with the next click.

    Streamlit reads the cookie only when a tab connects: what was signed out is remembered here.
    """
    if st.user.is_logged_in:
        _ended()[_session_of(st.user)] = _now()
    st.logout()


def providers() -> list[str | None]:
    """What `st.login` takes: a name for each provider, or None for the one that has no name."""
    auth = _secrets().get("auth", {})
    if "client_id" in auth:
        return [None]
    return [name for name, section in auth.items() if isinstance(section, Mapping)]


def sign_in_faults() -> list[str]:
    """What of sign-in keeps the dashboard from facing the internet, each in a sentence."""
    auth = _secrets().get("auth")
    if auth is None:
        return ["The dashboard has no sign-in: configure [auth] in .streamlit/secrets.toml."]
    faults = []
    secret = str(auth.get("cookie_secret", ""))
    if len(secret) < SHORTEST_SECRET or secret in PUBLIC_SECRETS:
        faults.append(
            f"cookie_secret in [auth] must be {SHORTEST_SECRET} characters by chance, or more."
        )
    if not is_over_tls():
        faults.append("redirect_uri in [auth] must begin with https://.")
    return faults


def is_over_tls() -> bool:
    """Whether people reach the dashboard by https, as `[auth]` says."""
    return urlsplit(str(_secrets().get("auth", {}).get("redirect_uri", ""))).scheme == "https"


def _secrets() -> Mapping[str, Any]:
    try:
        return st.secrets.to_dict()
    except FileNotFoundError:
        return {}


def _signed_in() -> Staff:
    claims = st.user
    if not claims.is_logged_in:
        raise NotSignedIn("Please sign in.")
    if _has_ended(claims):
        raise NotSignedIn("Your session has ended. Please sign in again.")
    email = str(claims.get("email") or "").strip().lower()
    if not email or claims.get("email_verified") is not True:
        raise NotAdmitted(
            "Your account has no verified e-mail address. Verify it with your provider, or sign "
            "in with another account."
        )
    return Staff(email, _role_of(email))


def _role_of(email: str) -> Role:
    try:
        role = role_of(email)
    except RolesUnreadable as error:
        log.exception("dashboard_roles_unreadable")
        raise NoAccess(
            "Nobody's role can be told: the file that DASHBOARD_ROLES_FILE names cannot be read. "
            "Ask an operator to mend it."
        ) from error
    if role is None:
        raise NotAdmitted(
            f"{email} has no role here. Ask an admin to add it, or sign in with another account."
        )
    return role


def _has_ended(claims: Mapping[str, Any]) -> bool:
    """Signed out in another tab, or signed in too long ago.

    A provider's token says when it was issued (`iat`); it is issued anew at each sign-in.
    """
    issued = claims.get("iat")
    longest = Variables().session_hours * 3600
    if not isinstance(issued, int | float) or _now() - issued > longest:
        return True
    ended = _ended()
    for session in [each for each, at in ended.items() if _now() - at > longest]:
        ended.pop(session, None)
    return _session_of(claims) in ended


@st.cache_resource
def _ended() -> dict[tuple[str, str, str], float]:
    """Sessions that were signed out here → when, in seconds since 1970."""
    return {}


def _session_of(claims: Mapping[str, Any]) -> tuple[str, str, str]:
    return (str(claims.get("iss")), str(claims.get("sub")), str(claims.get("iat")))


def _now() -> float:
    return time.time()


def _is_local() -> bool:
    """Whether we listen on this machine only, and were called by a name of this machine.

    The name keeps out pages from elsewhere, and a proxy that would forward to us.
    """
    headers = st.context.headers
    address = st.get_option("server.address") or ""
    host = urlsplit(f"//{headers.get('host', 'localhost')}").hostname or ""
    is_forwarded = any(name in headers for name in FORWARDED)
    return is_loopback(str(address)) and is_loopback(host) and not is_forwarded
