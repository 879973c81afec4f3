"""What staff did with the sessions: reviews and verdicts, golden cases, jobs; and the sweeper."""

from __future__ import annotations

import json
import random
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pipeline.analyze import prompt
from pipeline.bulk_action import BulkAction, BulkState
from pipeline.errors import AlreadyRunning
from pipeline.staff import AuditAction, Staff
from pipeline.status import Status
from pipeline.sweep import SweepReport
from pipeline.verdict import ReviewState, Verdict
from seeding.book import Book
from seeding.feedback import COACHES, Coach
from seeding.life import Found, Life
from seeding.marked import id_at
from seeding.staff import ADA, LOCAL, MIRA, REVIEWERS, TOM

REVIEWED, SECOND, SKIPPED, AGREES = 0.35, 0.3, 0.06, 0.85
RECENT = timedelta(days=75)
"""What is older was reviewed on paper, so to say."""
FRESH = timedelta(days=10)
ASSIGNED = 0.3
"""Of fresh sessions that nobody has reviewed."""
OTHER_VERDICTS = {
    Verdict.WRONG: 4,
    Verdict.UNSUPPORTED: 3,
    Verdict.NOT_USEFUL: 2,
    Verdict.DUPLICATE: 1,
}
REASONS = ("The recording is too noisy to judge.", "I know this learner too well.")
NOTES = ("Said once only, and corrected at once.", "This is fine in spoken English.")
REWRITE = "Name the place, and say it as the learner would: one sentence, one thing to try."
JOB_SIZE = 60
SWEEPS = 144
GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the audit, until all are in order."""

    at: datetime
    actor: Staff
    action: AuditAction
    session_id: UUID | None = None
    learner_id: str | None = None
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """Where staff work: it writes into the book, and keeps the audit until the end."""

    def __init__(
        self,
        book: Book,
        chance: random.Random,
        until: datetime,
        *,
        known: Container[UUID | None] = (),
    ) -> None:
        """`known` are sessions that the audit has entries of already: none is added again."""
        self._book, self._chance, self._until = book, chance, until
        self._known = known
        self._audit: list[_Entry] = []
        self._seen: list[UUID] = []
        """Completed sessions, for the jobs."""

    def look_at(self, life: Life, coach: Coach) -> None:
        """Review a session or not, as chance and its age will have it."""
        for at, asking in life.reruns:
            self._note(at, asking, AuditAction.RERUN, life, detail={"scope": "analysis"})
        if life.status is not Status.COMPLETED or life.completed_at is None:
            return
        self._seen.append(life.id)
        age = self._until - life.completed_at
        if age > RECENT or self._chance.random() > REVIEWED:
            if age < FRESH and self._chance.random() < ASSIGNED:
                life.assigned_to = self._chance.choice((LOCAL, TOM.name, MIRA.name))
            return
        first, second = self._chance.sample(REVIEWERS, 2)
        at = life.completed_at + age * self._chance.uniform(0.05, 0.6)
        if self._chance.random() < SKIPPED:
            reason = self._chance.choice(REASONS)
            self._review(life, first, 1, at, ReviewState.SKIPPED, reason=reason)
            return
        said = {found.id: self._opinion(coach) for found in life.found}
        self._judge(life, first, 1, at, said)
        if self._chance.random() < SECOND:
            agreed = {
                insight: verdict if self._chance.random() < AGREES else self._opinion(coach)
                for insight, verdict in said.items()
            }
            self._judge(life, second, 2, at + age * 0.2, agreed)

    def _opinion(self, coach: Coach) -> Verdict:
        if self._chance.random() < coach.agreed:
            return Verdict.CORRECT
        return self._chance.choices(list(OTHER_VERDICTS), list(OTHER_VERDICTS.values()))[0]

    def _judge(
        self, life: Life, reviewer: Staff, number: int, at: datetime, said: Mapping[UUID, Verdict]
    ) -> None:
        """One finished review: a verdict for each insight."""
        self._note(at, reviewer, AuditAction.VIEW_TRANSCRIPT, life)
        moment = at
        for found in life.found:
            moment += timedelta(seconds=self._chance.randint(8, 70))
            verdict = said[found.id]
            self._book.verdicts.add_row(
                id=id_at(moment, self._chance),
                insight_id=found.id,
                run_id=life.result_run_id,
                session_id=life.id,
                reviewer=reviewer.name,
                category=found.finding.category,
                prompt_version=found.prompt_version,
                model=found.model,
                verdict=verdict,
                rewrite=REWRITE if verdict is Verdict.NOT_USEFUL else None,
                note=self._chance.choice(NOTES) if verdict is Verdict.WRONG else None,
                version=1,
                created_at=moment,
                updated_at=moment,
            )
            detail = {"insight": str(found.id), "verdict": verdict}
            self._note(moment, reviewer, AuditAction.VERDICT, life, detail=detail)
            if verdict is Verdict.WRONG and reviewer is TOM and number == 1:
                self._correct(life, found, moment)
        moment += timedelta(seconds=20)
        self._review(life, reviewer, number, at, ReviewState.COMPLETED, finished_at=moment)

    def _review(
        self,
        life: Life,
        reviewer: Staff,
        number: int,
        at: datetime,
        state: ReviewState,
        *,
        reason: str | None = None,
        finished_at: datetime | None = None,
    ) -> None:
        ended = finished_at or at + timedelta(minutes=2)
        self._book.reviews.add_row(
            id=id_at(at, self._chance),
            run_id=life.result_run_id,
            session_id=life.id,
            reviewer=reviewer.name,
            round=number,
            state=state,
            reason=reason,
            started_at=at,
            finished_at=ended,
        )
        detail = {"state": state, "round": number}
        self._note(ended, reviewer, AuditAction.REVIEW, life, reason=reason, detail=detail)

    def _correct(self, life: Life, wrong: Found, at: datetime) -> None:
        """The talk becomes a golden case, labelled with all but what was wrong."""
        case_id = id_at(at, self._chance)
        right = [found.finding for found in life.found if found.id != wrong.id]
        self._book.golden_cases.add_row(
            id=case_id,
            session_id=life.id,
            insight_id=wrong.id,
            case={
                "id": f"staff-{case_id.hex[:12]}",
                "kind": "habit",
                "about": "corrected by a reviewer",
                "lines": list(life.talk.lines),
                "patterns": [
                    {
                        "key": finding.pattern_key,
                        "severity": finding.severity,
                        "quotes": [quote.text for quote in finding.examples],
                    }
                    for finding in right
                ],
            },
            created_by=TOM.name,
            created_at=at,
        )
        self._note(at, TOM, AuditAction.GOLDEN_CASE, life, detail={"case": str(case_id)})

    def close(self) -> None:
        """Write what belongs to no session: jobs, runs of the golden set, sweeps, the audit."""
        self._assign()
        self._run_again()
        self._evaluate()
        self._sweep()
        new = [entry for entry in self._audit if entry.session_id not in self._known]
        for entry in sorted(new, key=lambda entry: entry.at):
            self._book.audit.add_row(
                at=entry.at,
                actor=entry.actor.name,
                role=int(entry.actor.role),
                action=entry.action,
                session_id=entry.session_id,
                learner_id=entry.learner_id,
                reason=entry.reason,
                detail=dict(entry.detail),
            )

    def _assign(self) -> None:
        ago = timedelta(days=6)
        reason = "Newest talks for the calibration round."
        self._job(
            ADA, BulkAction.ASSIGN, ago, size=JOB_SIZE // 3, argument=MIRA.name, reason=reason
        )

    def _run_again(self) -> None:
        again, ago = BulkAction.RERUN_ANALYSIS, timedelta(days=40)
        reason = "Prompt v2: compare it with v1."
        self._job(TOM, again, ago, size=JOB_SIZE, reason=reason, refused=(7, 31))
        ago, reason = timedelta(days=2), "Stopped: the wrong filter was set."
        self._job(TOM, again, ago, size=JOB_SIZE, reason=reason, stopped_after=12)

    def _job(
        self,
        asking: Staff,
        action: BulkAction,
        ago: timedelta,
        *,
        size: int,
        reason: str,
        argument: str | None = None,
        refused: Sequence[int] = (),
        stopped_after: int | None = None,
    ) -> None:
        at = self._until - ago
        job_id = id_at(at, self._chance)
        chosen = self._seen[-size:]
        done = len(chosen) if stopped_after is None else min(stopped_after, len(chosen))
        self._book.bulk_jobs.add_row(
            id=job_id,
            action=action,
            argument=argument,
            reason=reason,
            requested_by=asking.name,
            role=int(asking.role),
            total=len(chosen),
            state=BulkState.DONE if stopped_after is None else BulkState.STOPPED,
            created_at=at,
            finished_at=at + timedelta(seconds=2 * done),
        )
        for position, session_id in enumerate(chosen):
            is_done = position < done
            self._book.bulk_items.add_row(
                job_id=job_id,
                position=position,
                session_id=session_id,
                done_at=at + timedelta(seconds=2 * position) if is_done else None,
                code=AlreadyRunning.code if is_done and position in refused else None,
            )
        detail = {"job": str(job_id), "action": action, "total": len(chosen)}
        self._audit.append(_Entry(at, asking, AuditAction.BULK, reason=reason, detail=detail))

    def _evaluate(self) -> None:
        """The golden set under each coach, at the time when it came into use."""
        for days, coach in zip((178, 120, 60), COACHES, strict=True):
            at = self._until - timedelta(days=days)
            labels = _golden_labels()
            findings = {talk: self._scored(keys, coach) for talk, keys in labels.items()}
            right, missed, wrong = (
                sum(len(found[name]) for found in findings.values())
                for name in ("right", "missed", "wrong")
            )
            self._book.golden_runs.add_row(
                id=id_at(at, self._chance),
                created_at=at,
                model=coach.model,
                prompt_version=prompt.load(coach.prompt).version,
                talks=len(findings),
                figures={
                    "precision": right / max(1, right + wrong),
                    "recall": right / max(1, right + missed),
                    "f1": 2 * right / max(1, 2 * right + wrong + missed),
                    "evidence_valid": 1 - coach.misquotes,
                    "unsupported": coach.invents / 2,
                    "severity_kappa": coach.agreed - 0.1,
                    "cost_usd": None,
                    "p95_seconds": round(self._chance.uniform(6, 11), 2),
                },
                findings=findings,
            )

    def _scored(self, keys: Sequence[str], coach: Coach) -> dict[str, list[str]]:
        right = [key for key in keys if self._chance.random() < coach.agreed]
        wrong = ["structure.digression"] if self._chance.random() < coach.invents else []
        missed = [key for key in keys if key not in right]
        return {"right": right, "missed": missed, "wrong": wrong}

    def _sweep(self) -> None:
        """A day of sweeps. Their ids are below zero: older than any real one, and known as ours."""
        nothing = {kind.name: 0 for kind in fields(SweepReport)}
        for number in range(SWEEPS, 0, -1):
            at = self._until - timedelta(minutes=10 * number)
            did = {**nothing, "audio_deleted": self._chance.choice((0, 0, 0, 1, 2))}
            seconds = self._chance.uniform(0.05, 0.6)
            self._book.sweeps.add_row(
                id=-number, started_at=at, finished_at=at + timedelta(seconds=seconds), did=did
            )

    def _note(
        self,
        at: datetime,
        actor: Staff,
        action: AuditAction,
        life: Life,
        *,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self._audit.append(_Entry(at, actor, action, life.id, life.user_id, reason, detail or {}))


def _golden_labels() -> dict[str, list[str]]:
    """Talk's id → the keys that it is labelled with, from the golden set."""
    lines = [
        json.loads(line)
        for path in sorted(GOLDEN.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    return {line["id"]: [label["key"] for label in line["patterns"]] for line in lines}
