"""A session at a glance: its facts, where its recording is and why, how long each stage took."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboard.components.timeline import cost_text
from dashboard.links import LEARNER_PAGE, LearnerLink
from dashboard.wording import STAGES, ago, duration, engine_text, exact, is_moving, length, plain
from pipeline.consent import Removal
from pipeline.session import RunRecord, SessionDetail, SessionRow
from pipeline.status import Stage, Status


def draw_facts(detail: SessionDetail) -> None:
    """Whose it is, how long, and who judged it at what cost."""
    row, run = detail.row, shown_run(detail)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width="content", gap=None):
            st.caption("Learner")
            query = LearnerLink(row.user_id).query
            st.page_link(LEARNER_PAGE, label=plain(row.user_id), query_params=query)
        _fact("Created", ago(row.created_at), help_text=exact(row.created_at))
        _fact("Length", length(row.duration_seconds) or "–")
        _fact("Words", "–" if row.word_count is None else f"{row.word_count:,}")
        _fact("Attempt", str(row.attempts), help_text="Of the newest run")
        _fact("Analysed by", engine_text(run.model) if run and run.model else "–")
        _fact("Prompt", (run.prompt_version if run else None) or "–")
        _fact("Cost", (cost_text(run) if run else "") or "–")


def draw_stages(detail: SessionDetail, *, now: datetime) -> None:
    """The newest run's stages in their order, with the time that each took."""
    if detail.runs:
        st.caption(plain(stages_text(detail.runs[-1], detail, now=now)))


def stages_text(run: RunRecord, detail: SessionDetail, *, now: datetime) -> str:
    """`Run 1: waited 0.4 s → fetching the audio 0.2 s → …`; what goes on says so."""
    parts = []
    if run.started_at:
        waited = (run.started_at - run.created_at).total_seconds()
        parts.append(f"waited {duration(max(waited, 0.0))}")
    row = detail.row
    current = row.stage if row.status is Status.PROCESSING else None
    for stage in Stage:
        took = run.stage_seconds.get(stage)
        if stage is current:
            so_far = (now - row.status_changed_at).total_seconds() + (took or 0.0)
            parts.append(f"◑ {STAGES[stage]}, {duration(max(so_far, 0.0))} so far")
        elif took is not None:
            parts.append(f"✓ {STAGES[stage]} {duration(took)}")
    told = " → ".join(parts) or "waits for its first attempt"
    return f"Run {run.number}: {told}"


def shown_run(detail: SessionDetail) -> RunRecord | None:
    """The run whose results are shown, or the newest while there are none."""
    shown = [run for run in detail.runs if run.id == detail.result_run_id] or detail.runs
    return shown[-1] if shown else None


def audio_clock(detail: SessionDetail, *, retention_hours: int) -> str:
    """Where the recording is: since when, until when, and why."""
    row = detail.row
    if row.audio_deleted_at:
        moment = f"{ago(row.audio_deleted_at)} ({exact(row.audio_deleted_at)})"
        why = (
            "as soon as it was transcribed"
            if row.word_count is not None
            else f"at the latest {retention_hours} h after the failure, as promised to learners"
        )
        return f"Audio deleted {moment}, {why}."
    if not row.audio_held:
        return "No audio is held: none was uploaded yet."
    arrived = [event.at for event in detail.events if event.to_status is Status.UPLOADED]
    held = f"Audio held since {exact(arrived[0] if arrived else row.created_at)}"
    if row.status is Status.FAILED and not is_moving(row):
        until = row.status_changed_at + timedelta(hours=retention_hours)
        return (
            f"{held} until {exact(until)} at the latest: {retention_hours} h after the failure, so "
            "that it can be run again."
        )
    if row.word_count is not None:
        return f"{held}. It is transcribed: the audio is deleted next."
    return f"{held}. It is deleted once it is transcribed."


WITHHELD_WORDS = (
    "The learner does not agree to the storage of what was said. A run needs the words still: they "
    "are not shown, and go when it ends."
)
REMOVED_WORDS = {
    Removal.CONSENT: "the learner does not agree to their storage",
    Removal.RETENTION: "they were kept as long as they may be",
}


def removed_text(row: SessionRow) -> str:
    """Why there is no transcript any more, and what that means."""
    if row.transcript_removed_at is None or row.transcript_removed_because is None:
        return ""
    why = REMOVED_WORDS[row.transcript_removed_because]
    return (
        f"The words of this talk were removed {exact(row.transcript_removed_at)}: {why}. Figures "
        "and advice stay, without quotes. It can neither be analysed again nor reviewed."
    )


def _fact(name: str, value: str, *, help_text: str | None = None) -> None:
    with st.container(width="content", gap=None):
        st.caption(name)
        st.markdown(plain(value), help=help_text)
