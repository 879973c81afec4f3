"""Work on many sessions in words: what is about to be done, and how far a job is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from dashboard.wording import ago, exact, plain
from pipeline.bulk_action import BulkAction, BulkProgress, BulkState
from pipeline.errors import RostrumError

LABELS = {
    BulkAction.RERUN_ANALYSIS: ("Analyse again", ":material/refresh:"),
    BulkAction.RERUN_FULL: ("Process whole again", ":material/replay:"),
    BulkAction.RETRY: ("Retry", ":material/replay:"),
    BulkAction.ASSIGN: ("Assign", ":material/person_add:"),
    BulkAction.DELETE: ("Delete", ":material/delete:"),
}
EFFECTS = {
    BulkAction.RERUN_ANALYSIS: "Each keeps its transcript and gets new feedback. The feedback "
    "shown now stays until the new one is there.",
    BulkAction.RERUN_FULL: "Each is transcribed and analysed anew. That needs the recording: "
    "where it was deleted, the session is left as it is.",
    BulkAction.RETRY: "Each goes on at what is missing: where there is a transcript, only the "
    "analysis is paid for again.",
    BulkAction.ASSIGN: "Whoever they were assigned to before no longer has them.",
    BulkAction.DELETE: "Transcripts, feedback, events and any audio are deleted for good, and the "
    "learners' profiles are derived anew without these talks.",
}
STATES = {
    BulkState.RUNNING: ("under way", ":material/progress_activity:"),
    BulkState.STOPPED: ("stopped", ":material/stop_circle:"),
    BulkState.DONE: ("done", ":material/check_circle:"),
}
SHOWN = 5
"""Sessions that a question names."""
UNTYPED = 20
"""Up to so many need no number typed, unless they are to be deleted."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A session as the list drew it."""

    id: UUID
    name: str
    """Its title, as the list shows it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is about to be done to which sessions: fixed when it was asked."""

    job_id: UUID
    """Of the job that a yes starts; a second yes starts no second one."""
    action: BulkAction
    ids: tuple[UUID, ...]
    first: tuple[Chosen, ...]
    people: tuple[str, ...] = ()
    """Who can be assigned to."""

    @property
    def must_be_typed(self) -> bool:
        """Whether the number of sessions must be typed."""
        return self.action is BulkAction.DELETE or len(self.ids) > UNTYPED

    def key(self, field: str) -> str:
        """Of a widget: another question begins with empty fields."""
        return f"bulk_{field}_{self.job_id}"


def sessions(count: int) -> str:
    """`1 session`, `1,200 sessions`."""
    return "1 session" if count == 1 else f"{count:,} sessions"


def draw_question(question: Question) -> None:
    """What would be done, and the fields that the answer needs."""
    label, icon = LABELS[question.action]
    st.markdown(f"{icon} **{label}: {sessions(len(question.ids))}.** {EFFECTS[question.action]}")
    for chosen in question.first:
        st.caption(plain(f"{chosen.name} · {chosen.id}"))
    more = len(question.ids) - len(question.first)
    if more and question.first:
        st.caption(f"and {sessions(more)} more")
    if question.action is BulkAction.ASSIGN:
        st.selectbox(
            "Assign to",
            question.people,
            index=None,
            accept_new_options=True,
            placeholder="An e-mail address",
            key=question.key("whom"),
        )
    st.text_input("Reason (the audit keeps it)", key=question.key("reason"), max_chars=500)
    if question.must_be_typed:
        st.text_input(f"Type {len(question.ids)} to confirm", key=question.key("typed"))


def draw_job(job: BulkProgress, *, on_stop: Callable[[UUID], None] | None) -> None:
    """One job: how far it is, what was refused and why. `on_stop` None: no button."""
    label, _ = LABELS[job.action]
    state, icon = STATES[job.state]
    with st.container(border=True):
        whom = f" to {plain(job.argument)}" if job.argument else ""
        st.markdown(
            f"{icon} **{label}{whom}: {sessions(job.total)}**, {state}",
            help=exact(job.created_at),
        )
        st.progress(job.settled / job.total, text=f"{job.settled:,} of {job.total:,}")
        if job.is_resting:
            st.caption(
                ":material/schedule: Nobody works on it right now; the next sweep goes on, "
                "within a minute or two."
            )
        for sentence in refusals(job):
            st.caption(f":material/block: {plain(sentence)}")
        st.caption(plain(f"{job.requested_by}, {ago(job.created_at)}: {job.reason}"))
        if on_stop is not None and job.state is BulkState.RUNNING:
            st.button(
                "Stop",
                key=f"bulk_stop_{job.id}",
                icon=":material/stop:",
                help="What was done stays done; the rest is left as it is.",
                on_click=on_stop,
                args=(job.id,),
            )


def refusals(job: BulkProgress) -> Iterator[str]:
    """How many sessions were left as they are, and why."""
    for code, count in job.refused.items():
        yield f"{sessions(count)} left as they are: {_SENTENCES.get(code, '')} ({code})"


def _classes(kind: type[RostrumError]) -> Iterator[type[RostrumError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _classes(below)


_SENTENCES = {kind.code: kind.sentence for kind in _classes(RostrumError)}
