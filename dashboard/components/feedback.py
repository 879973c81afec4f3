"""What the learner gets: strengths first, one focus, then the habits with their proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from dashboard.components.place import Hand
from dashboard.components.transcript import card_key, quote_key
from dashboard.wording import SEVERITY_WORDS, length, plain
from pipeline.report.content import told
from pipeline.session import Dropped, Example, FollowUp, Insight, SessionDetail, StrengthShown

OUTCOME_ICONS = {"improved": "▲", "same": "●", "worse": "▽", "not_seen": "○"}
"""Beside the words, which say the same."""
ONE_OBSERVATION = "One observation: nothing else in this talk shows it. Not yet a habit."
DROPPED_WORDS = {"insight": "Habit", "quote": "Quote", "strength": "Strength"}
_LEFT = """<style>
:is([class*='_quote_'], [class*='_strength_']) button p { text-align: left; }
</style>"""
"""Streamlit centres the text of buttons that are longer than a line."""
Jump = Callable[[Insight | None, Example], None]
"""Shows a quote's place in the talk; the insight is None where it proves a strength."""


def draw_summary(detail: SessionDetail) -> None:
    """Topic and summary, and the focus with what became of the last one."""
    if detail.summary is None:
        return
    if detail.intent_label:
        st.caption(plain(detail.intent_label))
    st.markdown(plain(detail.summary))
    if detail.focus_next:
        st.info(f"**Next focus:** {plain(detail.focus_next)}", icon=":material/flag:")
    if detail.last_focus:
        draw_follow_up(detail.last_focus)


def draw_strengths(
    strengths: tuple[StrengthShown, ...], *, page: str = "session", on_quote: Jump | None = None
) -> None:
    """What was done well, each with the words that show it."""
    for number, strength in enumerate(strengths):
        st.success(f"**{plain(strength.text)}**", icon=":material/thumb_up:")
        if strength.quote:
            _draw_quote(None, strength.quote, key=f"{page}_strength_{number}", on_quote=on_quote)


def draw_follow_up(focus: FollowUp) -> None:
    """What a focus was, and what became of it."""
    st.markdown(f"{OUTCOME_ICONS[focus.outcome]} **Last focus:** {plain(told(focus))}")
    st.caption(plain(focus.focus))


def draw_insights(
    insights: tuple[Insight, ...],
    *,
    page: str = "session",
    hand: Hand | None = None,
    on_quote: Jump | None = None,
    beneath: Callable[[Insight], None] | None = None,
) -> None:
    """Every habit, the most severe first; `beneath` draws more under each.

    With `on_quote` the quotes are buttons that lead to their place.
    """
    st.html(_LEFT)
    if not insights:
        st.markdown("No habit stands out that would get in the way of the message.")
    for number, insight in enumerate(insights):
        with st.container(border=True, key=card_key(page, number)):
            held = " :material/bookmark: *in hand*" if hand and hand.insight == insight.id else ""
            st.markdown(f"**{plain(insight.pattern)}**{held}")
            st.caption(_facts(insight))
            st.markdown(plain(insight.detail))
            if insight.is_single_observation:
                st.caption(":material/counter_1: " + plain(ONE_OBSERVATION))
            with st.container(gap=None):
                for position, quote in enumerate(insight.examples):
                    key = quote_key(page, number, position)
                    _draw_quote(insight, quote, key=key, on_quote=on_quote)
            st.markdown(f"**Next time:** {plain(insight.suggestion)}")
            if beneath:
                beneath(insight)


def draw_dropped(dropped: Iterable[Dropped], *, page: str = "session") -> None:
    """What the model said and no evidence supports, for those who judge the model."""
    held = tuple(dropped)
    if not held:
        return
    with st.expander(f"Dropped for want of evidence: {len(held)}", key=f"{page}_dropped"):
        for item in held:
            kind = DROPPED_WORDS.get(item.kind, item.kind)
            st.markdown(f"**{plain(f'{kind}: {item.name}')}** {plain(item.reason)}")
            claimed = item.answer.get("quote")
            if isinstance(claimed, str):
                st.caption(plain(f"The model wrote: “{claimed}”"))


def _draw_quote(
    insight: Insight | None, quote: Example, *, key: str, on_quote: Jump | None
) -> None:
    """The learner's words: a button that leads to them, or just the words."""
    if on_quote is None:
        st.markdown(f"> {_quoted(quote)}", help=_claimed(quote))
        return
    st.button(
        _quoted(quote),
        key=key,
        type="tertiary",
        icon=":material/format_quote:",
        help=_claimed(quote) or "Show it in the talk",
        on_click=on_quote,
        args=(insight, quote),
        wrap=True,
    )


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
