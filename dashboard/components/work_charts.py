"""The times of the stages and the volume of the days as charts; each is told in words, too."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.wording import STAGES, duration
from pipeline.workload import DayVolume, StageTime

# Of middle lightness: they show on both themes, and differ in lightness, too.
COLOURS = {"Completed": "#4a9a8f", "Failed": "#c4682d", "Under way": "#7a7fb5"}


def draw_stages(stages: tuple[StageTime, ...], *, is_sampled: bool) -> None:
    """How long the stages took: a bar to the median, a mark at the 95th percentile."""
    if not stages:
        st.caption("No stage ended in this time.")
        return
    table = pd.DataFrame(
        {
            "Stage": [STAGES[stage.stage] for stage in stages],
            "Median (s)": [stage.p50 for stage in stages],
            "95 % (s)": [stage.p95 for stage in stages],
            "Times": [stage.count for stage in stages],
        }
    )
    base = alt.Chart(table, height=alt.Step(28)).encode(
        y=alt.Y("Stage:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        tooltip=list(table.columns),
    )
    bars = base.mark_bar(color=COLOURS["Completed"]).encode(x=alt.X("Median (s):Q", title="s"))
    marks = base.mark_tick(color=COLOURS["Failed"], thickness=3).encode(x="95 % (s):Q")
    told = stages_told(stages)
    st.altair_chart(
        (bars + marks).properties(description=told), width="stretch", key="operations_stages"
    )
    sampled = " So much was done that these are the times of the newest alone." * is_sampled
    st.caption(f"Bar: median. Mark: 95 % were faster. {told}{sampled}")


def stages_told(stages: tuple[StageTime, ...]) -> str:
    """The chart in words."""
    said = (
        f"{STAGES[stage.stage]} {duration(stage.p50)}, 95 % within {duration(stage.p95)} "
        f"(n = {stage.count:,})"
        for stage in stages
    )
    return "; ".join(said) + "."


def draw_volumes(days: tuple[DayVolume, ...]) -> None:
    """The sessions that came day by day, by where they stand now."""
    table = pd.DataFrame(
        {
            "Day": [day.day.isoformat() for day in days],
            "Completed": [day.completed for day in days],
            "Failed": [day.failed for day in days],
            "Under way": [day.under_way for day in days],
        }
    )
    told = volumes_told(days)
    chart = (
        alt.Chart(table.melt("Day", var_name="Now", value_name="Sessions"), height=200)
        .mark_bar()
        .encode(
            x=alt.X("Day:O", title=None, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("Sessions:Q", title=None, axis=alt.Axis(format="d", tickMinStep=1)),
            color=alt.Color(
                "Now:N",
                title=None,
                scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["Day", "Now", "Sessions"],
        )
        .properties(description=told)
    )
    st.altair_chart(chart, width="stretch", key="operations_volumes")
    st.caption(told)
    with st.expander("The same figures as a table"):
        st.dataframe(table, hide_index=True, key="operations_volumes_table")


def volumes_told(days: tuple[DayVolume, ...]) -> str:
    """The chart in words."""
    total, failed = sum(day.total for day in days), sum(day.failed for day in days)
    busiest = max(days, key=lambda day: day.total)
    if not total:
        return f"No session came in the last {len(days)} days."
    return (
        f"{total:,} sessions came in the last {len(days)} days (UTC), {failed:,} of them stand "
        f"failed; most on {busiest.day.isoformat()}: {busiest.total:,}."
    )
