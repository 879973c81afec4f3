"""One session from its arrival to where it stands, with each change as an event."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pipeline.database.leases import QUEUE
from pipeline.errors import RostrumError
from pipeline.finding import Finding
from pipeline.intake import UPLOAD
from pipeline.staff import Staff
from pipeline.status import Outcome, Scope, Stage, Status, Trigger
from pipeline.storage import audio_key
from seeding.book import Book, Columns
from seeding.marked import id_at
from seeding.plan import Fate, Visit
from seeding.staff import TOM

RETRY_SECONDS = (15, 60, 240)
RETENTION = timedelta(hours=24)
LEASE = timedelta(seconds=60)
AUDIO_TYPES = ("audio/webm", "audio/webm", "audio/mp4", "audio/ogg", "audio/mpeg")
BYTES_A_SECOND = 6_000
TEST_SHARE = 0.08
"""Of the recordings, those that staff sent."""


@dataclass(frozen=True, slots=True)
class Found:
    """An insight as it was stored."""

    id: UUID
    finding: Finding
    model: str
    prompt_version: str


@dataclass
class Life:
    """A session while it is written."""

    book: Book
    visit: Visit
    talk: Columns
    """What is told in it, whether it was heard or not."""
    chance: random.Random
    until: datetime
    now: datetime = field(init=False)
    id: UUID = field(init=False)
    user_id: str = field(init=False)
    is_test: bool = field(init=False)
    """Staff sent it."""
    status: Status | None = None
    completed_at: datetime | None = None
    result_run_id: UUID | None = None
    found: Sequence[Found] = ()
    """Of the result that is shown."""
    assigned_to: str | None = None
    transcript_id: UUID | None = None
    analyzed_run_id: UUID | None = None
    audio_deleted_at: datetime | None = None
    error: type[RostrumError] | None = None
    retry_due_at: datetime | None = None
    claims: int = 0
    stage: Stage | None = None
    changed_at: datetime = field(init=False)
    run: dict[str, Any] | None = None
    reruns: list[tuple[datetime, Staff]] = field(default_factory=list)
    """When somebody asked for another analysis, and who."""

    def __post_init__(self) -> None:
        self.now = self.changed_at = self.visit.at
        self.id = id_at(self.now, self.chance)
        self.user_id = self.visit.person.user_id(self.visit.copy)
        self.is_test = self.chance.random() < TEST_SHARE

    @property
    def holds_audio(self) -> bool:
        """The recording is stored still."""
        return self.status is not Status.CREATED and self.audio_deleted_at is None

    def spend(self, least: float, most: float) -> None:
        """Let time pass, in seconds."""
        self.now += timedelta(seconds=round(self.chance.uniform(least, most), 3))

    def change(self, to: Status, stage: Stage | None = None, *, actor: str = QUEUE) -> None:
        """A change of status or stage, and its event."""
        self.book.events.add_row(
            session_id=self.id,
            at=self.now,
            from_status=self.status,
            to_status=to,
            stage=stage,
            run_number=self.run["number"] if self.run else None,
            attempt=self.run["attempts"] if self.run else None,
            actor=actor,
            error_code=self.error.code if self.error and to is Status.FAILED else None,
        )
        self.status, self.stage, self.changed_at = to, stage, self.now

    def arrive(self) -> None:
        """Announced; uploaded as well unless that is all there is."""
        actor = TOM.name if self.is_test else UPLOAD
        self.change(Status.CREATED, actor=actor)
        if self.visit.fate.status is Status.CREATED:
            return
        self.begin_run(Scope.FULL, Trigger.UPLOAD, actor)
        self.change(Status.UPLOADED, actor=actor)
        if not (self.visit.fate.is_stuck and self.visit.fate.status is Status.UPLOADED):
            self.hand_over()

    def begin_run(self, scope: Scope, trigger: Trigger, requested_by: str) -> None:
        """The next run."""
        number = self.run["number"] + 1 if self.run else 1
        self.run = {
            "id": id_at(self.now, self.chance),
            "session_id": self.id,
            "number": number,
            "scope": scope,
            "trigger": trigger,
            "requested_by": requested_by,
            "created_at": self.now,
            "attempts": 0,
            "publications": 0,
            "transcript_id": self.transcript_id if scope is Scope.ANALYSIS else None,
        }

    def hand_over(self) -> None:
        """The queue takes the run."""
        self.spend(0.05, 0.3)
        self.running.update(publications=1, handed_over_at=self.now, queued_at=self.now)
        self.spend(0.2, 2.0)

    @property
    def running(self) -> dict[str, Any]:
        """The newest run."""
        if self.run is None:
            raise LookupError("nothing was uploaded")
        return self.run

    def claim(self, stage: Stage) -> None:
        """An attempt begins."""
        self.claims += 1
        self.error, self.retry_due_at = None, None
        self.running["attempts"] += 1
        self.running.setdefault("started_at", self.now)
        self.change(Status.PROCESSING, stage)

    def keep_transcript(self) -> None:
        """What was heard is stored."""
        self.transcript_id = id_at(self.now, self.chance)
        self.running["transcript_id"] = self.transcript_id
        own = (self.transcript_id, self.id, self.running["id"], self.now)
        self.book.transcripts.add(own, self.talk.transcript)

    def keep_analysis(self, columns: Columns) -> None:
        """What was answered is stored, once a run: a later attempt finds it there."""
        if self.analyzed_run_id == self.running["id"]:
            return
        self.analyzed_run_id = self.running["id"]
        self.book.analyses.add((self.running["id"], self.now), columns.analysis)

    def complete(self, columns: Columns) -> None:
        """Its insights and metrics become what is shown."""
        run_id = self.running["id"]
        self.found = [
            Found(id_at(self.now, self.chance), finding, columns.model, columns.prompt_version)
            for finding in columns.findings
        ]
        for found, rest in zip(self.found, columns.insights, strict=True):
            self.book.insights.add((found.id, run_id, self.id), rest)
        for rest in columns.metrics:
            self.book.metrics.add((run_id,), rest)
        self.result_run_id, self.completed_at = run_id, self.now
        self.change(Status.COMPLETED)
        self.end_run(Outcome.COMPLETED)

    def fail(self, error: type[RostrumError], stage: Stage, *, retry: timedelta | None) -> None:
        """The attempt ends in an error; `retry`: the queue brings it again."""
        self.error = error
        self.retry_due_at = self.now + retry if retry else None
        self.running["error_code"] = error.code
        self.change(Status.FAILED, stage)
        if retry is None:
            self.end_run(Outcome.FAILED)

    def end_run(self, outcome: Outcome) -> None:
        """The newest run is over, and written."""
        if outcome is Outcome.COMPLETED:
            self.running.pop("error_code", None)
        self.running.update(outcome=outcome, finished_at=self.now)
        self.book.runs.add_row(**self.running)

    def close(self) -> None:
        """Write the session as it stands, and its run where that goes on."""
        if self.run and "outcome" not in self.run:
            self.book.runs.add_row(**self.run)
        if self.status is Status.FAILED and self.changed_at + RETENTION < self.until:
            self.audio_deleted_at = self.audio_deleted_at or self.changed_at + RETENTION
        self.book.sessions.add_row(
            id=self.id,
            learner_id=self.user_id,
            title=self.talk.title,
            language="en",
            source="test" if self.is_test else "app",
            status=self.status,
            stage=self.stage,
            status_changed_at=self.changed_at,
            created_at=self.visit.at,
            completed_at=self.completed_at,
            duration_seconds=self.talk.duration if self.run else None,
            run_id=self.run["id"] if self.run else None,
            result_run_id=self.result_run_id,
            lease_token=self.claims,
            lease_expires_at=self._lease_end(self.visit.fate),
            assigned_to=self.assigned_to,
            retry_due_at=self.retry_due_at,
            **self._audio(),
            **self._failure(),
        )

    def _lease_end(self, fate: Fate) -> datetime | None:
        if self.status is not Status.PROCESSING:
            return None
        return (self.changed_at if fate.is_stuck else self.until) + LEASE

    def _audio(self) -> dict[str, object]:
        return {
            "audio_key": audio_key(self.id),
            "audio_content_type": self.chance.choice(AUDIO_TYPES),
            "audio_bytes": int(self.talk.duration * BYTES_A_SECOND),
            "uploaded_at": None if self.status is Status.CREATED else self.visit.at,
            "audio_deleted_at": self.audio_deleted_at,
            "audio_digest": f"{self.chance.getrandbits(256):064x}",
        }

    def _failure(self) -> dict[str, object]:
        if self.error is None or self.status is not Status.FAILED:
            return {}
        return {
            "error_code": self.error.code,
            "error_message": self.error.sentence,
            "error_retryable": self.error.retryable,
            "will_retry": self.retry_due_at is not None,
        }
