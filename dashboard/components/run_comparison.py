"""Two runs side by side: their cost, their habits, and the figures that differ."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard.components.timeline import cost_text, tokens_text
from dashboard.wording import SEVERITY_WORDS, engine_text, exact, plain
from pipeline.comparison import Comparison, Difference, FoundTwice
from pipeline.session import Insight, RunRecord, RunResults


def draw_comparison(
    found: Comparison,
    *,
    shown: UUID | None,
    page: str = "session",
    on_current: Callable[[RunRecord], None] | None = None,
) -> None:
    """What differs between two runs; `on_current` is asked to show one that is not."""
    for column, side in zip(st.columns(2), (found.first, found.second), strict=True):
        with column.container(border=True):
            _draw_run(side, is_shown=side.run.id == shown, page=page, on_current=on_current)
    st.markdown(plain(verdict_text(found)))
    first, second = _names(found)
    table = pd.DataFrame(
        [
            *(_row_of(pair) for pair in found.both),
            *(_row(each, _severity(each), "–", f"only {first}") for each in found.only_first),
            *(_row(each, "–", _severity(each), f"only {second}") for each in found.only_second),
        ],
        columns=["Habit", "Category", first, second, "Change"],
    )
    if len(table):
        st.dataframe(table, hide_index=True, key=f"{page}_compared_habits", height="content")
    _draw_differences(found, page=page)


def verdict_text(found: Comparison) -> str:
    """One sentence on the habits."""
    changed = sum(pair.severity_changed for pair in found.both)
    first, second = found.first.run.number, found.second.run.number
    return (
        f"Both found {len(found.both)} of the habits, {changed} of them with another severity; "
        f"only run {first} found {len(found.only_first)}, "
        f"only run {second} found {len(found.only_second)}."
    )


def _draw_run(
    side: RunResults,
    *,
    is_shown: bool,
    page: str,
    on_current: Callable[[RunRecord], None] | None,
) -> None:
    run = side.run
    st.markdown(f"**Run {run.number}**" + (" :material/visibility: *shown*" if is_shown else ""))
    st.caption(
        plain(
            f"{exact(run.created_at)}, {run.scope}, by {run.requested_by}. "
            f"{engine_text(run.model or '–')}, prompt {run.prompt_version}. "
            f"{tokens_text(run)} tokens, {cost_text(run)}. Dropped: {len(run.dropped)}."
        )
    )
    st.markdown(plain(side.summary))
    st.markdown(f"**Next focus:** {plain(side.focus_next)}")
    if is_shown or on_current is None:
        return
    if st.button(
        f"Make run {run.number} current",
        key=f"{page}_current_{run.number}",
        icon=":material/visibility:",
        help="Its results are shown from then on, also in the learner's profile.",
    ):
        on_current(run)


def _names(found: Comparison) -> list[str]:
    first, second = found.first.run.number, found.second.run.number
    return [f"Run {first}", f"Run {second}" + (" again" if first == second else "")]


def _row_of(pair: FoundTwice) -> list[str]:
    change = "◆ severity" if pair.severity_changed else "same"
    return _row(pair.first, _severity(pair.first), _severity(pair.second), change)


def _row(insight: Insight, first: str, second: str, change: str) -> list[str]:
    return [insight.pattern, insight.category, first, second, change]


def _severity(insight: Insight) -> str:
    return SEVERITY_WORDS.get(insight.severity, insight.severity)


def _draw_differences(found: Comparison, *, page: str) -> None:
    if found.differences:
        first, second = _names(found)
        table = pd.DataFrame(
            {
                "Metric": [each.label for each in found.differences],
                first: [_figure(each.first, each.unit) for each in found.differences],
                second: [_figure(each.second, each.unit) for each in found.differences],
                "Change": [_change(each) for each in found.differences],
            }
        )
        st.dataframe(table, hide_index=True, key=f"{page}_compared_metrics", height="content")
    st.caption(f"{found.same_metrics} figures are the same in both.")


def _figure(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.4g} {unit}"


def _change(difference: Difference) -> str:
    if difference.first is None or difference.second is None:
        return "one run only"
    if not difference.same_formula:
        return "another formula: not comparable"
    return f"{difference.second - difference.first:+.4g}"
