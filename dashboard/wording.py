"""Values in words: times, lengths, statuses, and speech made safe for Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Protocol

from pipeline.report import markdown
from pipeline.report.content import clock
from pipeline.session import Failure
from pipeline.status import Stage, Status

ICONS = {
    Status.CREATED: "○",
    Status.UPLOADED: "◔",
    Status.PROCESSING: "◑",
    Status.COMPLETED: "●",
    Status.FAILED: "✕",
}
WORDS = {
    Status.CREATED: "Waiting for audio",
    Status.UPLOADED: "Waiting",
    Status.PROCESSING: "Processing",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
}
STAGES = {
    Stage.DOWNLOADING: "fetching the audio",
    Stage.TRANSCRIBING: "transcribing",
    Stage.DELETING_AUDIO: "deleting the audio",
    Stage.ANALYZING: "analysing",
    Stage.STORING: "storing",
}
SEVERITY_WORDS = {"high": "▲ High", "medium": "◆ Medium", "low": "▽ Low"}
RULES_MODEL = "rostrum-rules"
JOINER = "\u2060"
"""Shows nothing and breaks no line."""
_LINKED = re.compile(r"(?<=@)|(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Text that Streamlit's Markdown leaves as it is: what is said in a talk is never markup.

    Addresses become links there though every mark is escaped; a `JOINER` within keeps them text.
    """
    return markdown.plain(_LINKED.sub(JOINER, text))


def typed(text: str) -> str:
    """What a person typed, or copied from our own pages."""
    return text.replace(JOINER, "").strip()


class Standing(Protocol):
    """Where a session stands, in whichever value it comes."""

    @property
    def status(self) -> Status:
        """Where it stands."""

    @property
    def stage(self) -> Stage | None:
        """What the worker does."""

    @property
    def status_changed_at(self) -> datetime:
        """Since when."""

    @property
    def error(self) -> Failure | None:
        """Why the last attempt ended."""


def is_moving(row: Standing) -> bool:
    """Whether the session changes by itself."""
    return row.status in {Status.UPLOADED, Status.PROCESSING} or bool(
        row.error and row.error.will_retry
    )


def status_text(row: Standing) -> str:
    """Icon, word, and for what moves the stage and the time in it."""
    text = f"{ICONS[row.status]} {WORDS[row.status]}"
    if row.status is Status.PROCESSING and row.stage:
        return f"{text}: {STAGES[row.stage]}, {ago(row.status_changed_at).removesuffix(' ago')}"
    if row.error and row.error.will_retry:
        return f"{text}, will retry"
    return text


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """`3 min ago`, as precise as a person would say it."""
    seconds = max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def exact(moment: datetime) -> str:
    """The moment itself, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def length(seconds: float | None) -> str:
    """`1:30`, or nothing where it is not known."""
    return clock(seconds) or ""


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`."""
    if seconds < 10:  # noqa: PLR2004 - tenths matter only for short times
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - two minutes


def engine_text(model: str) -> str:
    """The model's name; rules say that they are rules."""
    return f"{model} (rules answered, not a language model)" if RULES_MODEL in model else model
