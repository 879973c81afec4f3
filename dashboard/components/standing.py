"""A learner's patterns with what they rest on, and their focuses: drawn, nothing read."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.components.feedback import OUTCOME_ICONS
from dashboard.links import SESSION_PAGE, SessionLink
from dashboard.wording import SEVERITY_WORDS, ago, exact, length, plain
from pipeline.progress import FEWEST_SESSIONS
from pipeline.report.content import told
from pipeline.session import Profile
from pipeline.standing import Evidence, FocusSet, LearnerStanding, PatternCourse

STATES = {
    "new": "✦ New",
    "persisting": "● Persisting",
    "improving": "▲ Improving",
    "resolved": "✓ Resolved",
}
OUTCOMES = {
    "improved": "Improved",
    "same": "About the same",
    "worse": "More to gain",
    "not_seen": "Not seen again",
}
FOCUSES_FIRST = 5


def draw_totals(profile: Profile) -> None:
    """How much was heard in all."""
    sessions, minutes, words = st.columns(3)
    sessions.metric("Completed sessions", f"{profile.sessions_total:,}")
    minutes.metric("Minutes spoken", f"{profile.minutes_total:,.1f}")
    words.metric("Words", f"{profile.words_total:,}")


def draw_patterns(standing: LearnerStanding) -> None:
    """All patterns as a table; state and course from three sessions on."""
    patterns, total = standing.patterns, standing.profile.sessions_total
    has_trends = total >= FEWEST_SESSIONS
    table = pd.DataFrame(dict(_columns(patterns, has_trends=has_trends)))
    st.dataframe(
        table,
        hide_index=True,
        key="learner_patterns",
        height="content",
        column_config={
            "Per 1,000 words": st.column_config.NumberColumn(format="%.1f"),
            "Course": st.column_config.LineChartColumn(
                f"Newest {standing.newest}",
                help="Occurrences per 1,000 words in each of the newest sessions, oldest first",
                y_min=0,
            ),
        },
    )
    if has_trends:
        st.caption(
            f"n = {total} completed sessions. A state compares the last 3 with those before; the "
            f"line shows the newest {standing.newest}, oldest first."
        )
    else:
        st.caption(
            f"Trends are said from {FEWEST_SESSIONS} completed sessions on; there are {total}."
        )


def _columns(
    patterns: tuple[PatternCourse, ...], *, has_trends: bool
) -> list[tuple[str, list[object]]]:
    held = [course.standing for course in patterns]
    trends: list[tuple[str, list[object]]] = [
        ("State", [STATES.get(p.trend or "", "") for p in held]),
        ("Course", [list(course.rates) for course in patterns]),
    ]
    return [
        ("Pattern", [p.pattern for p in held]),
        *(trends if has_trends else []),
        ("Seen in", [f"{p.sessions_seen} of {p.sessions_total}" for p in held]),
        ("Per 1,000 words", [p.rate_per_1000_words for p in held]),
        ("Last severity", [SEVERITY_WORDS.get(p.last_severity, p.last_severity) for p in held]),
        ("Last seen", [ago(p.last_seen_at) for p in held]),
        ("Occurrences", [p.occurrences for p in held]),
        ("Key", [p.pattern_key for p in held]),
    ]


def draw_evidence(evidence: tuple[Evidence, ...]) -> None:
    """The newest quotes, each session with its link."""
    if not evidence:
        st.caption("The sessions that showed it are gone.")
    for shown in evidence:
        with st.container(border=True, gap="xsmall"):
            st.page_link(
                SESSION_PAGE,
                label=f"{plain(shown.title or 'Untitled talk')} · {ago(shown.at)}",
                icon=":material/arrow_forward:",
                query_params=SessionLink(shown.session_id).query,
                help=exact(shown.at),
            )
            for quote in shown.quotes:
                st.markdown(f"> {plain(f'{length(quote.start)} “{quote.text}”')}")


def draw_focuses(focuses: tuple[FocusSet, ...]) -> None:
    """Each focus and what became of it, newest first; older ones folded away."""
    for focus in focuses[:FOCUSES_FIRST]:
        _draw_focus(focus)
    older = focuses[FOCUSES_FIRST:]
    if older:
        with st.expander(f"Earlier focuses: {len(older)}"):
            for focus in older:
                _draw_focus(focus)


def _draw_focus(focus: FocusSet) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"{_outcome(focus)} {plain(focus.focus)}")
        if focus.became is not None:
            st.caption(plain(told(focus.became)))
        st.page_link(
            SESSION_PAGE,
            label=f"Set {ago(focus.at)}",
            icon=":material/flag:",
            query_params=SessionLink(focus.session_id).query,
            help=exact(focus.at),
        )


def _outcome(focus: FocusSet) -> str:
    if focus.became is not None:
        return f"{OUTCOME_ICONS[focus.became.outcome]} **{OUTCOMES[focus.became.outcome]}:**"
    return "○ **The next talk shows:**" if focus.is_newest else "– **Cannot be told:**"
