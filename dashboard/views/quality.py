"""Quality: what people's verdicts say of the feedback, golden runs compared, tokens and cost."""

from __future__ import annotations

import streamlit as st

from dashboard.access import require
from dashboard.components.quality import (
    draw_agreement,
    draw_changes,
    draw_figures,
    draw_precision,
    draw_use,
)
from dashboard.links import PERIODS, REVIEW_QUEUE_PAGE, QualityLink
from dashboard.services import services
from dashboard.wording import exact
from pipeline import golden_case, quality
from pipeline.quality import GoldenRuns
from pipeline.scoring import GoldenScore, Quality
from pipeline.staff import Role, Staff


def page() -> None:
    """Draw it for the period of the address bar."""
    looking = require(Role.COACH)
    st.title("Quality")
    days = _draw_period(QualityLink.read())
    found = quality.quality(services(), looking, days=days)
    _draw_precision(found)
    st.subheader("Agreement of first and second reviewers")
    draw_agreement(found.agreement)
    st.subheader("Golden set")
    _draw_golden(quality.golden_runs(services(), looking), looking)
    st.subheader("Tokens and cost")
    draw_use(found.use)


def _draw_period(link: QualityLink) -> int:
    # The address bar is the one truth: the widget shows it, and writes to it when changed.
    st.session_state["quality_days"] = link.days
    st.radio(
        "Period",
        PERIODS,
        format_func=lambda days: f"{days} days",
        key="quality_days",
        horizontal=True,
        on_change=_choose_period,
    )
    return link.days


def _choose_period() -> None:
    chosen = st.session_state["quality_days"]
    st.query_params.from_dict(QualityLink(chosen).query if chosen else {})


def _draw_precision(found: Quality) -> None:
    st.subheader("Precision: insights that people called correct")
    if not found.by_category:
        st.info("Nobody judged an insight in this time.", icon=":material/rate_review:")
        st.page_link(
            REVIEW_QUEUE_PAGE, label="To the review queue", icon=":material/arrow_forward:"
        )
        return
    for name, rows in (
        ("Category", found.by_category),
        ("Prompt", found.by_prompt),
        ("Model", found.by_model),
    ):
        draw_precision(name, rows)


def _draw_golden(found: GoldenRuns, looking: Staff) -> None:
    st.caption(f"Cases that staff made: {found.staff_cases}.")
    if looking.may(Role.QA) and found.staff_cases:
        st.download_button(
            "Golden cases as JSONL",
            data=_export,
            file_name="staff-cases.jsonl",
            mime="application/jsonl",
            key="quality_export",
            icon=":material/download:",
            on_click="ignore",
            help="For `make eval EXTRA=staff-cases.jsonl`. It holds what learners said.",
        )
    if not found.runs:
        st.info(
            "No run of the golden set is stored. `make eval STORE=1` stores one.",
            icon=":material/science:",
        )
        return
    runs = {run.id: run for run in found.runs}
    ids = list(runs)
    first, second = st.columns(2)
    before = first.selectbox(
        "First run",
        ids,
        index=min(1, len(ids) - 1),
        format_func=lambda run_id: _named(runs[run_id]),
        key="quality_first",
    )
    after = second.selectbox(
        "Second run",
        ids,
        format_func=lambda run_id: _named(runs[run_id]),
        key="quality_second",
    )
    draw_figures(runs[before], runs[after])
    changed = quality.changes(services(), looking, runs[before], runs[after])
    with st.expander(f"Talks answered differently: {len(changed)}", key="quality_changed"):
        draw_changes(changed)


def _named(run: GoldenScore) -> str:
    return f"{exact(run.created_at)} · {run.model} · {run.prompt_version} · {run.talks} talks"


def _export() -> str:
    return golden_case.export(services(), require(Role.QA))


page()
