"""What the learner gets: strengths first, one focus, then the habits with their proof."""

from __future__ import annotations

import streamlit as st

from dashboard.wording import length, plain
from pipeline.report.content import told
from pipeline.session import Example, FollowUp, Insight, SessionDetail

OUTCOME_ICONS = {"improved": "▲", "same": "●", "worse": "▽", "not_seen": "○"}
"""Beside the words, which say the same."""
SEVERITY_WORDS = {"high": "▲ High", "medium": "◆ Medium", "low": "▽ Low"}


def draw_summary(detail: SessionDetail) -> None:
    """Topic, summary, strengths and focus."""
    if detail.summary is None:
        return
    if detail.intent_label:
        st.caption(plain(detail.intent_label))
    st.markdown(plain(detail.summary))
    for strength in detail.strengths:
        st.success(
            f"**{plain(strength.text)}** {_quoted(strength.quote)}", icon=":material/thumb_up:"
        )
    if detail.focus_next:
        st.info(f"**Next focus:** {plain(detail.focus_next)}", icon=":material/flag:")
    if detail.last_focus:
        draw_follow_up(detail.last_focus)


def draw_follow_up(focus: FollowUp) -> None:
    """What a focus was, and what became of it."""
    st.markdown(f"{OUTCOME_ICONS[focus.outcome]} **Last focus:** {plain(told(focus))}")
    st.caption(plain(focus.focus))


def draw_insights(insights: tuple[Insight, ...]) -> None:
    """Every habit, the most severe first."""
    if not insights:
        st.markdown("No habit stands out that would get in the way of the message.")
    for insight in insights:
        with st.container(border=True):
            st.markdown(f"**{plain(insight.pattern)}**")
            st.caption(_facts(insight))
            st.markdown(plain(insight.detail))
            for quote in insight.examples:
                st.markdown(f"> {_quoted(quote)}")
            st.markdown(f"**Next time:** {plain(insight.suggestion)}")


def _facts(insight: Insight) -> str:
    counted = "not countable" if insight.counted is None else f"counted {insight.counted}"
    severity = SEVERITY_WORDS.get(insight.severity, insight.severity)
    return plain(f"{severity} · {insight.category} · claimed {insight.frequency}, {counted}")


def _quoted(quote: Example) -> str:
    time = f"{length(quote.start)} " if quote.start is not None else ""
    repaired = " (wording repaired)" if quote.status == "repaired" else ""
    return plain(f"{time}“{quote.text}”{repaired}")
