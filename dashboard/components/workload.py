"""How the work goes, in words and numbers: what answers, what waits, what was done, what failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import streamlit as st

from dashboard.components.bulk import sessions
from dashboard.links import SESSIONS_PAGE
from dashboard.wording import ago, duration, exact, plain
from pipeline.status import Status
from pipeline.workload import MOST_FAILED, FailureGroup, LastSweep, Standing, Throughput, Window

WINDOWS = {Window.HOUR: "Last hour", Window.DAY: "Last 24 hours", Window.WEEK: "Last 7 days"}
SWEPT_WITHIN = timedelta(minutes=3)
"""The schedule calls the sweeper each minute."""
DID = {
    "published": "runs published",
    "resumed": "runs resumed",
    "given_up": "runs given up",
    "expired": "announcements removed",
    "audio_deleted": "recordings deleted",
    "words_removed": "talks whose words were removed",
    "sessions_deleted": "sessions deleted by age",
    "orphans_deleted": "orphans deleted",
    "told": "ends of runs told to the app",
    "jobs_continued": "jobs continued",
    "failures": "things to be tried again",
}


def draw_parts(faults: Mapping[str, str | None]) -> None:
    """Each part: that it answers, or a banner that says what is wrong."""
    answering = [part.capitalize() for part, fault in faults.items() if fault is None]
    for part, fault in faults.items():
        if fault is not None:
            st.error(f"**{part.capitalize()}:** {plain(fault)}", icon=":material/error:")
    if answering:
        st.markdown(" · ".join(f":material/check: {part} answers." for part in answering))


def draw_standing(standing: Standing) -> None:
    """What is to be done at this moment."""
    figures = (
        ("Waiting", standing.waiting, "Runs that no delivery of the queue has reached yet."),
        ("Running", standing.running, "Being worked on."),
        ("Between attempts", standing.between_attempts, "Failed for now; the queue tries again."),
        ("Stuck", standing.stuck, "The sweeper should have gone on with them by now."),
        ("Audio overdue", standing.audio_overdue, "Recordings past their purpose, stored still."),
    )
    for column, (label, value, meaning) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, f"{value:,}", help=meaning)
    if standing.oldest_waiting is not None:
        st.caption(
            f"The oldest has waited since {ago(standing.oldest_waiting)}.",
            help=exact(standing.oldest_waiting),
        )
    if standing.stuck:
        st.page_link(
            SESSIONS_PAGE,
            label=f"Show what is stuck: {sessions(standing.stuck)}",
            icon=":material/arrow_forward:",
            query_params={"stuck": "yes"},
        )


def draw_throughput(done: Throughput) -> None:
    """What was done in the window."""
    share = done.success_share
    figures = (
        ("Success", "–" if share is None else f"{share:.1%}", "Completed of all that ended."),
        ("Completed", f"{done.completed:,}", "Runs."),
        ("Failed", f"{done.failed:,}", "Runs that were given up; recordings without speech, too."),
        ("Retries", f"{done.retries:,}", "Attempts of these runs beyond the first."),
        ("Spent", f"${done.spent:,.2f}", "On analyses, in US dollars. Transcription is not in it."),
    )
    for column, (label, value, meaning) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, value, help=meaning)
    if done.unpriced:
        st.caption(f"Not in the money: {done.unpriced:,} analyses by a model of unknown price.")


def draw_sweep(last: LastSweep | None, *, now: datetime) -> None:
    """When the sweeper was last there, and what it did."""
    if last is None or now - last.finished_at > SWEPT_WITHIN:
        since = "within the last week" if last is None else f"since {ago(last.finished_at)}"
        st.warning(
            f"No sweep has ended {since}. It finishes what crashes leave, once a minute: "
            "`python -m pipeline.schedule` creates its schedule, `python -m pipeline.sweep` "
            "sweeps once.",
            icon=":material/warning:",
        )
        return
    did = [f"{count} {DID.get(kind, kind)}" for kind, count in last.did.items() if count]
    st.caption(
        f":material/mop: Last sweep {ago(last.finished_at)}, took {duration(last.took_seconds)}: "
        f"{plain(', '.join(did) or 'nothing was left to do')}.",
        help=exact(last.finished_at),
    )


def draw_failures(
    groups: tuple[FailureGroup, ...], *, on_retry: Callable[[FailureGroup], None]
) -> None:
    """Failures that stand, one row a code."""
    if not groups:
        st.info("No session stands failed.", icon=":material/check:")
    if sum(group.count for group in groups) >= MOST_FAILED:
        st.caption(f"Counted are the newest {MOST_FAILED:,} that stand failed.")
    for group in groups:
        with st.container(border=True):
            st.markdown(f"**{plain(group.code)}**: {plain(group.sentence)}")
            st.caption(f"{_share(group)}; the newest {ago(group.newest)}")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(
                    SESSIONS_PAGE,
                    label=f"Show {sessions(group.count)}",
                    icon=":material/arrow_forward:",
                    query_params={"status": Status.FAILED, "error": group.code},
                )
                st.button(
                    f"Retry all that can be ({group.rerunnable:,})",
                    key=f"operations_retry_{group.code}",
                    icon=":material/replay:",
                    disabled=not group.rerunnable,
                    help=None if group.rerunnable else "No retry can help any of these now.",
                    on_click=on_retry,
                    args=(group,),
                )


def _share(group: FailureGroup) -> str:
    waiting = f", {group.will_retry:,} tried again by itself" if group.will_retry else ""
    return f"{sessions(group.count)}{waiting}"
