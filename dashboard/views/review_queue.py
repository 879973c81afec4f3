"""The review queue: one talk in hand, its insights judged by keys, then the next."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from dashboard.access import require
from dashboard.components.failure import draw_error
from dashboard.components.review_item import ItemActions, draw_item
from dashboard.links import SAMPLE_PERCENTS, ReviewQueueLink
from dashboard.services import services
from dashboard.verdict_writes import attempt, verdict_actions
from pipeline import reviewing
from pipeline.errors import RostrumError
from pipeline.staff import Role, Staff
from pipeline.verdict import LOCK_MINUTES, MOST_COUNTED, Progress, QueueRule, Rule

PAGE = "review_queue"
PROBLEM, HELD, AT, EMPTY = (f"{PAGE}_{name}" for name in ("problem", "held", "at", "empty"))
RULES = {
    QueueRule.ALL: "Everything that needs review",
    QueueRule.SAMPLE: "A sample",
    QueueRule.LOW_EVIDENCE: "Low evidence",
    QueueRule.NEW_PROMPT: "New prompt",
    QueueRule.MINE: "Assigned to me",
}
LOST = (
    "The talk that you had in hand is not in your hands any more: somebody deleted it, or took it "
    "over after your time with it ran out. Verdicts that you gave are kept."
)


def page() -> None:
    """Draw the talk in hand, or the way to the next one."""
    looking = require(Role.COACH)
    st.title("Review queue")
    problem: RostrumError | None = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        draw_error(problem)
    rule = ReviewQueueLink.read().rule
    _draw_rule(rule, reviewing.progress(services(), looking, rule))
    item = reviewing.item_in_hand(services(), looking)
    held = st.session_state.get(HELD)
    if item is None:
        if held is not None and problem is None:
            st.warning(LOST, icon=":material/person_off:")
        st.session_state[HELD] = None
        _draw_start(rule)
        return
    st.session_state[HELD] = item.hand.review_id
    if not item.hand.is_shown:
        st.warning(reviewing.RUN_AGAIN, icon=":material/refresh:")
        _draw_start(rule)
        return
    draw_item(
        item,
        gone_to=st.session_state.get(AT),
        prefix=PAGE,
        actions=ItemActions(
            verdict=verdict_actions(PROBLEM, on_said=_next_one),
            go_to=_go_to,
            complete=lambda review_id: _complete(review_id, rule),
            skip=lambda review_id, reason: _skip(review_id, reason, rule),
            release=_release,
        ),
    )


def _draw_rule(rule: Rule, progress: Progress) -> None:
    chosen, share, far = st.columns([2, 1, 2], vertical_alignment="bottom")
    # The address bar is the one truth: the widgets show it, and write to it when changed.
    st.session_state.update({f"{PAGE}_rule": rule.kind, f"{PAGE}_percent": rule.percent})
    chosen.selectbox(
        "Which talks",
        list(RULES),
        format_func=lambda kind: RULES[kind],
        key=f"{PAGE}_rule",
        on_change=_choose_rule,
    )
    if rule.kind is QueueRule.SAMPLE:
        share.selectbox(
            "Share in %", SAMPLE_PERCENTS, key=f"{PAGE}_percent", on_change=_choose_rule
        )
    more = " or more" if progress.left == MOST_COUNTED else ""
    far.markdown(f"Done today: {progress.done_today} · left for you: {progress.left}{more}")


def _choose_rule() -> None:
    state = st.session_state
    percent = state.get(f"{PAGE}_percent") or Rule().percent
    st.query_params.from_dict(ReviewQueueLink(Rule(state[f"{PAGE}_rule"], percent)).query)
    state[EMPTY] = False


def _draw_start(rule: Rule) -> None:
    if st.session_state.pop(EMPTY, False):
        st.success(
            "Nothing is left for you under this rule. Choose another, or come back later.",
            icon=":material/done_all:",
        )
    st.caption(
        "You get one talk with its feedback. Give each insight a verdict, by its button or the "
        "keys 1–5; the next one comes by itself. When all are judged, N ends the talk and brings "
        "another."
    )
    st.button(
        "Take the next talk",
        key=f"{PAGE}_take",
        type="primary",
        icon=":material/arrow_forward:",
        shortcut="n",
        help=f"It is yours for {LOCK_MINUTES} minutes, and for as long as you work on it.",
        on_click=_take,
        args=(rule,),
    )


def _take(rule: Rule) -> None:
    """Take the next talk, or remember that there is none."""

    def take(staff: Staff) -> None:
        item = reviewing.next_item(services(), staff, rule)
        st.session_state.update({EMPTY: item is None, AT: None, HELD: None})

    _attempt(take)


def _attempt(write: Callable[[Staff], object]) -> bool:
    return attempt(PROBLEM, write)


def _next_one() -> None:
    """With a verdict given, the next insight without one is in hand."""
    st.session_state[AT] = None


def _complete(review_id: UUID, rule: Rule) -> None:
    if _attempt(lambda staff: reviewing.complete(services(), staff, review_id)):
        _take(rule)


def _skip(review_id: UUID, reason: str, rule: Rule) -> None:
    if _attempt(lambda staff: reviewing.skip(services(), staff, review_id, reason=reason)):
        _take(rule)


def _release(review_id: UUID) -> None:
    if _attempt(lambda staff: reviewing.release(services(), staff, review_id)):
        st.session_state[HELD] = None


def _go_to(insight_id: UUID | None) -> None:
    st.session_state[AT] = insight_id


page()
