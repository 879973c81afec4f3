"""What the learner gets: strengths first, one focus, then the habits with their proof."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.wording import length, plain
from pipeline.report.content import told
from pipeline.session import Dropped, Example, FollowUp, Insight, SessionDetail

OUTCOME_ICONS = {"improved": "▲", "same": "●", "worse": "▽", "not_seen": "○"}
"""Beside the words, which say the same."""
ONE_OBSERVATION = "One observation: nothing else in this talk shows it. Not yet a habit."
DROPPED_WORDS = {"insight": "Habit", "quote": "Quote", "strength": "Strength"}
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


def draw_insights(
    insights: tuple[Insight, ...], *, beneath: Callable[[Insight], None] | None = None
) -> None:
    """Every habit, the most severe first; `beneath` draws what stands under each."""
    if not insights:
        st.markdown("No habit stands out that would get in the way of the message.")
    for insight in insights:
        with st.container(border=True):
            st.markdown(f"**{plain(insight.pattern)}**")
            st.caption(_facts(insight))
            st.markdown(plain(insight.detail))
            if insight.is_single_observation:
                st.caption(":material/counter_1: " + plain(ONE_OBSERVATION))
            for quote in insight.examples:
                st.markdown(f"> {_quoted(quote)}", help=_claimed(quote))
            st.markdown(f"**Next time:** {plain(insight.suggestion)}")
            if beneath is not None:
                beneath(insight)


def draw_dropped(dropped: tuple[Dropped, ...]) -> None:
    """What the model said and no evidence supports, for those who judge the model."""
    if not dropped:
        return
    with st.expander(f"Dropped for want of evidence: {len(dropped)}", key="dropped"):
        for item in dropped:
            kind = DROPPED_WORDS.get(item.kind, item.kind)
            st.markdown(f"**{plain(f'{kind}: {item.name}')}** {plain(item.reason)}")
            claimed = item.answer.get("quote")
            if isinstance(claimed, str):
                st.caption(plain(f"The model wrote: “{claimed}”"))


def _facts(insight: Insight) -> str:
    counted = "not countable" if insight.counted is None else f"counted {insight.counted}"
    severity = SEVERITY_WORDS.get(insight.severity, insight.severity)
    return plain(f"{severity} · {insight.category} · claimed {insight.frequency}, {counted}")


def _claimed(quote: Example) -> str | None:
    """The model's wording, where the transcript's took its place."""
    return plain(f"The model wrote: “{quote.claimed}”") if quote.status == "repaired" else None


def _quoted(quote: Example) -> str:
    time = f"{length(quote.start)} " if quote.start is not None else ""
    repaired = " (wording repaired)" if quote.status == "repaired" else ""
    return plain(f"{time}“{quote.text}”{repaired}")
