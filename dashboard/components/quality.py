"""Precision, agreement, golden runs and use as tables and charts, each with its n."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.links import SESSION_PAGE, SessionLink
from dashboard.wording import engine_text, plain
from pipeline.scoring import (
    FEW_JUDGED,
    Agreement,
    ChangedTalk,
    Findings,
    GoldenScore,
    Precision,
    Use,
)

TOO_FEW = "too few to tell"
SAME = 0.0005
"""Less does not show."""


def draw_precision(name: str, rows: Sequence[Precision]) -> None:
    """Correct of judged by one axis, with the interval that so few or many allow."""
    table = pd.DataFrame(
        {
            name: [engine_text(row.name) for row in rows],
            "Correct": [_percent(row.share) for row in rows],
            "95 % interval": [_interval(row) for row in rows],
            "n judged": [row.judged for row in rows],
            "Reading": [TOO_FEW if row.is_too_few else "" for row in rows],
        }
    )
    st.dataframe(table, hide_index=True, key=f"quality_by_{name.lower()}", height="content")


def _interval(row: Precision) -> str:
    if row.interval is None:
        return "–"
    low, high = row.interval
    return f"{_percent(low)} – {_percent(high)}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def draw_agreement(agreement: Agreement) -> None:
    """Raw agreement, kappa and n, never one without the others."""
    if not agreement.n:
        st.info(
            "No talk was reviewed twice in this time. The review queue hands out second reviews "
            "by itself.",
            icon=":material/group:",
        )
        return
    raw, kappa, pairs = st.columns(3)
    raw.metric("Same verdict", _percent(agreement.raw))
    kappa.metric(
        "Cohen's κ",
        "–" if agreement.kappa is None else f"{agreement.kappa:.2f}",
        help="Agreement beyond chance: 0 is chance, 1 is always. None where all verdicts are one.",
    )
    pairs.metric("n insights judged by two", agreement.n)
    if agreement.is_too_few:
        st.caption(f"{TOO_FEW.capitalize()}: below {FEW_JUDGED} insights nothing is concluded.")


def draw_figures(before: GoldenScore, after: GoldenScore) -> None:
    """Two golden runs' figures side by side, and what changed."""
    names = sorted(before.figures.keys() | after.figures.keys())
    pairs = [(before.figures.get(name), after.figures.get(name)) for name in names]
    table = pd.DataFrame(
        {
            "Figure": names,
            "First": [_figure(first) for first, _ in pairs],
            "Second": [_figure(second) for _, second in pairs],
            "Change": [_change(first, second) for first, second in pairs],
        }
    )
    st.dataframe(table, hide_index=True, key="quality_figures", height="content")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _change(first: float | None, second: float | None) -> str:
    if first is None or second is None:
        return ""
    change = second - first
    if abs(change) < SAME:
        return "= same"
    return f"{'▲' if change > 0 else '▼'} {change:+.3f}"


def draw_changes(changed: Sequence[ChangedTalk]) -> None:
    """The talks that were answered differently, and how."""
    if not changed:
        st.caption("Both found the same in every talk.")
    for talk in changed:
        with st.container(border=True):
            st.markdown(f"**{plain(talk.talk)}**")
            st.markdown(f"First: {plain(_found(talk.before))}")
            st.markdown(f"Second: {plain(_found(talk.after))}")
            if talk.session_id is not None:
                st.page_link(
                    SESSION_PAGE,
                    label="The session it was made of",
                    icon=":material/arrow_forward:",
                    query_params=SessionLink(talk.session_id).query,
                )


def _found(findings: Findings | None) -> str:
    if findings is None:
        return "not among its talks"
    if findings.failure is not None:
        return f"no analysis ({findings.failure})"
    told = [
        f"{word} {', '.join(keys)}"
        for word, keys in (
            ("✓ right:", findings.right),
            ("✕ wrong:", findings.wrong),
            ("○ missed:", findings.missed),
        )
        if keys
    ]
    return "; ".join(told) or "nothing found, nothing missed"


def draw_use(days: Sequence[Use]) -> None:
    """Tokens and cost by day."""
    analyses = sum(day.analyses for day in days)
    unpriced = sum(day.unpriced for day in days)
    costs = [day.cost_usd for day in days if day.cost_usd is not None]
    count, spent = st.columns(2)
    count.metric("Analyses", analyses)
    spent.metric("Cost in US dollars", f"{sum(costs):.2f}" if costs else "–")
    if unpriced:
        st.caption(f"The price of {unpriced} of {analyses} analyses is not known: not in the cost.")
    if not analyses:
        return
    table = pd.DataFrame(
        [
            {"Day": day.day, "Kind": kind, "Tokens": tokens, "Dollars": float(day.cost_usd or 0)}
            for day in days
            for kind, tokens in (
                ("input", day.input_tokens),
                ("cache read", day.cache_read_tokens),
                ("cache write", day.cache_write_tokens),
                ("output", day.output_tokens),
            )
        ]
    )
    chart = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("Day:T", title=None),
            y=alt.Y("Tokens:Q", title="Tokens"),
            color=alt.Color("Kind:N", legend=alt.Legend(orient="bottom", title=None)),
            tooltip=["Day:T", "Kind:N", "Tokens:Q", "Dollars:Q"],
        )
        .properties(height=220, description=f"Tokens by day and kind, over {len(days)} days")
    )
    st.altair_chart(chart, key="quality_use")
