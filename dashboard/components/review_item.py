"""The talk that a reviewer has in hand: transcript, the insight that keys mean, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from dashboard.components.feedback import draw_insights
from dashboard.components.kept_text import KeptText
from dashboard.components.transcript import draw_transcript
from dashboard.components.verdicts import WORDS, Actions, draw_verdict
from dashboard.links import SESSION_PAGE, SessionLink
from dashboard.wording import engine_text, plain
from pipeline.reviewing import Item
from pipeline.session import Insight


@dataclass(frozen=True, slots=True)
class ItemActions:
    """What the page does when the reviewer acts. Each is called in a callback of Streamlit."""

    verdict: Actions
    go_to: Callable[[UUID | None], None]
    """Take this insight in hand."""
    complete: Callable[[UUID], None]
    """End this review and take the next talk."""
    skip: Callable[[UUID, str], None]
    """Hand it back with a reason, and take the next talk."""
    release: Callable[[UUID], None]
    """Put it back."""


def draw_item(item: Item, *, gone_to: UUID | None, prefix: str, actions: ItemActions) -> None:
    """All of it. `gone_to` is the insight that was asked for; else the first without a verdict.

    One insight is drawn whole at a time: the one that the keys mean is the one that is seen.
    """
    insights = item.detail.insights
    first = next(iter(item.unjudged), None)
    current = next((i for i in insights if i.id == gone_to), None) or next(
        (i for i in insights if i.id == first), None
    )
    _draw_head(item)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Transcript")
        if item.detail.transcript:
            marked = (current,) if current else insights
            draw_transcript(item.detail.transcript, marked, asked=item.detail.row.language)
    with right:
        st.subheader(f"Insights: {len(insights) - len(item.unjudged)} of {len(insights)} judged")
        if current is not None:
            draw_insights(
                (current,),
                beneath=lambda insight: draw_verdict(
                    insight.id,
                    item.opinions.of(insight.id),
                    prefix=prefix,
                    actions=actions.verdict,
                    has_keys=True,
                ),
            )
        elif not insights:
            st.markdown("Nothing was found in this talk, so there is nothing to judge.")
        _draw_all(item, current, prefix, actions.go_to)
        _draw_end(item, current, prefix, actions)


def _draw_head(item: Item) -> None:
    """Which talk it is, who analysed it, and whether others' verdicts are hidden."""
    run = next(run for run in item.detail.runs if run.id == item.hand.run_id)
    row = item.detail.row
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(row.title or "Untitled talk"), width="content")
        if item.is_second:
            st.badge("Blind second review", icon=":material/visibility_off:")
    if item.is_second:
        st.caption("Somebody else has reviewed this talk. You see their verdicts once you finish.")
    model, prompt = engine_text(run.model or "–"), run.prompt_version or "–"
    st.page_link(
        SESSION_PAGE,
        label=plain(f"{row.user_id} · {model}, {prompt}"),
        icon=":material/open_in_new:",
        query_params=SessionLink(row.id).query,
    )


def _draw_all(
    item: Item, current: Insight | None, prefix: str, go_to: Callable[[UUID | None], None]
) -> None:
    """Every insight with its verdict in one line; a click takes it in hand."""
    with st.container(gap="xxsmall"):
        for number, insight in enumerate(item.detail.insights, start=1):
            mine = item.opinions.of(insight.id).mine
            said = WORDS[mine.verdict][0].lower() if mine else "not judged"
            st.button(
                plain(f"{number}. {insight.pattern}: {said}"),
                key=f"{prefix}_go_{insight.id}",
                icon=":material/check_circle:" if mine else ":material/radio_button_unchecked:",
                type="tertiary",
                disabled=insight == current,
                on_click=go_to,
                args=(insight.id,),
            )


def _draw_end(item: Item, current: Insight | None, prefix: str, actions: ItemActions) -> None:
    """Complete and next, back by one insight, put back, skip with a reason."""
    review_id, left, insights = item.hand.review_id, len(item.unjudged), item.detail.insights
    place = insights.index(current) if current else len(insights)
    before = insights[place - 1].id if place else None
    with st.container(horizontal=True):
        st.button(
            "Complete and next",
            key=f"{prefix}_complete",
            type="primary",
            icon=":material/done_all:",
            shortcut="n",
            disabled=left > 0,
            help=f"Insights without your verdict: {left}." if left else "All are judged.",
            on_click=actions.complete,
            args=(review_id,),
        )
        st.button(
            "Previous insight",
            key=f"{prefix}_previous",
            icon=":material/arrow_upward:",
            shortcut="p",
            disabled=before is None,
            on_click=actions.go_to,
            args=(before,),
        )
        st.button(
            "Put back",
            key=f"{prefix}_release",
            icon=":material/undo:",
            help="Somebody else may take it. Verdicts that you gave stay.",
            on_click=actions.release,
            args=(review_id,),
        )
    reason = KeptText(prefix, f"reason_{review_id}", "")
    with st.expander("Skip this talk", icon=":material/skip_next:", key=f"{prefix}_skipping"):
        reason.draw("Why? Somebody else gets it.")
        st.button(
            "Skip and next",
            key=f"{prefix}_skip",
            icon=":material/skip_next:",
            on_click=lambda: actions.skip(review_id, reason.typed),
        )
