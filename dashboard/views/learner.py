"""One learner: totals, patterns over their sessions, and the sessions themselves."""

from __future__ import annotations

import json
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.access import renewed, viewer
from dashboard.components.progress import draw_focuses, draw_trends
from dashboard.links import SESSION_PAGE, LearnerLink, SessionLink
from dashboard.services import services
from dashboard.wording import ago, plain, status_text
from pipeline import review
from pipeline.errors import NotFound
from pipeline.session import Profile
from pipeline.staff import Staff

TREND_FROM = 3
MOST_SESSIONS = 20


def page() -> None:
    """Draw the learner that the address bar names."""
    st.title("Learner")
    link = LearnerLink.read()
    st.text_input("Learner id", link.user_id if link else "", key="learner_id", on_change=_look_up)
    if link is None:
        st.info("Name a learner to see their patterns.", icon=":material/person_search:")
        return
    try:
        profile = review.profile(services(), link.user_id)
    except NotFound:
        st.warning("There is no such learner.", icon=":material/person_off:")
        return
    _draw_totals(profile)
    _draw_patterns(profile)
    draw_focuses(profile)
    draw_trends(profile)
    _draw_sessions(link.user_id)
    _draw_export(link.user_id, viewer())


def _look_up() -> None:
    user_id = st.session_state["learner_id"].strip()
    st.query_params.from_dict({"id": user_id} if user_id else {})


def _draw_totals(profile: Profile) -> None:
    sessions, minutes, words = st.columns(3)
    sessions.metric("Completed sessions", profile.sessions_total)
    minutes.metric("Minutes spoken", f"{profile.minutes_total:.1f}")
    words.metric("Words", profile.words_total)


def _draw_patterns(profile: Profile) -> None:
    st.subheader("Patterns")
    if not profile.patterns:
        st.markdown("No pattern was found in this learner's talks yet.")
        return
    patterns = profile.patterns
    table = pd.DataFrame(
        {
            "Pattern": [pattern.pattern for pattern in patterns],
            "Key": [pattern.pattern_key for pattern in patterns],
            "Seen in": [f"{p.sessions_seen} of {p.sessions_total}" for p in patterns],
            "Occurrences": [pattern.occurrences for pattern in patterns],
            "Per 1,000 words": [pattern.rate_per_1000_words for pattern in patterns],
            "Last severity": [pattern.last_severity for pattern in patterns],
            "Trend": [pattern.trend or "" for pattern in patterns],
            "First seen": [ago(pattern.first_seen_at) for pattern in patterns],
            "Last seen": [ago(pattern.last_seen_at) for pattern in patterns],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        key="patterns",
        column_config={"Per 1,000 words": st.column_config.NumberColumn(format="%.1f")},
    )
    if profile.sessions_total < TREND_FROM:
        st.caption(
            f"Trends are said from {TREND_FROM} completed sessions on; "
            f"there are {profile.sessions_total}."
        )


def _draw_sessions(user_id: str) -> None:
    st.subheader("Sessions")
    found = review.list_sessions(services(), user_id=user_id, limit=MOST_SESSIONS)
    for row in found.sessions:
        st.page_link(
            SESSION_PAGE,
            label=f"{plain(row.title or 'Untitled')} · {status_text(row)} · {ago(row.created_at)}",
            query_params=SessionLink(row.id).query,
        )


def _draw_export(user_id: str, looking: Staff) -> None:
    st.download_button(
        "Export everything held on this learner",
        data=partial(_export, looking, user_id),
        file_name="learner-export.json",
        mime="application/json",
        key="learner_export",
        icon=":material/download:",
    )


def _export(looking: Staff, user_id: str) -> str:
    """Made when it is asked for, which may be long after the page was drawn."""
    return json.dumps(review.export_learner(services(), user_id, staff=renewed(looking)), indent=2)


page()
