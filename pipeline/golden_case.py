"""Golden cases out of reviews: a talk whose feedback somebody corrected becomes a labelled one.

A case is a line of `golden/*.jsonl`: the talk's segments, and what is right to find in it. It
follows its maker's verdicts on that talk, and goes with the session.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from pipeline.database import audit, golden_cases
from pipeline.database.engine import transaction
from pipeline.database.golden_cases import JudgedInsight, JudgedTalk
from pipeline.errors import InvalidInput, OutOfDate
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.verdict import Verdict

REJECTED = frozenset({Verdict.WRONG, Verdict.UNSUPPORTED})
"""Finding such an insight again is a mistake."""
_PREFIX = "staff-"


def make(services: Services, staff: Staff, insight_id: UUID) -> None:
    """Make a case of an insight that one rejected or corrected. Once made, it stays that case.

    Raises:
        Forbidden: the role does not allow it.
        InvalidInput: the maker has nothing against the insight.
        OutOfDate: the insight is gone.
    """
    staff.must_be(Role.COACH)
    now = services.now()
    with transaction(services.engine) as db:
        run_id = golden_cases.run_of(db, insight_id)
        if run_id is None:
            raise OutOfDate("This talk, or what was said in it, was deleted meanwhile.")
        talk = golden_cases.judged_talk(db, run_id, staff.name)
        case = case_of(talk, insight_id)
        if case is None:
            raise InvalidInput(
                "Only an insight that you rejected, or gave better words for, becomes a case."
            )
        if golden_cases.add(
            db, insight_id, case, session_id=talk.session_id, created_by=staff.name, now=now
        ):
            _record(db, staff, insight_id, talk.session_id, now=now, did="made")


def take_back(services: Services, staff: Staff, insight_id: UUID) -> None:
    """Remove an insight's case; where there is none, nothing changes.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        session_id = golden_cases.remove(db, insight_id)
        if session_id is not None:
            _record(db, staff, insight_id, session_id, now=services.now(), did="taken back")


def follow(db: Session, staff: Staff, run_id: UUID, *, now: datetime) -> None:
    """Let one's cases of a run say what one's verdicts say now; called where a verdict changes."""
    made = golden_cases.made_by(db, run_id, staff.name)
    if not made:
        return
    talk = golden_cases.judged_talk(db, run_id, staff.name)
    for insight_id in made:
        case = case_of(talk, insight_id)
        if case is not None:
            golden_cases.change(db, insight_id, case)
        elif golden_cases.remove(db, insight_id):
            _record(db, staff, insight_id, talk.session_id, now=now, did="taken back")


def _record(
    db: Session, staff: Staff, insight_id: UUID, session_id: UUID, *, now: datetime, did: str
) -> None:
    detail = {"insight": str(insight_id), "case": did}
    audit.record(db, staff, AuditAction.GOLDEN_CASE, now=now, session_id=session_id, detail=detail)


def export(services: Services, staff: Staff) -> str:
    """Every case as JSONL, for `make eval EXTRA=file`. It holds what learners said.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.QA)
    with transaction(services.engine) as db:
        lines = [json.dumps(case, ensure_ascii=False) for case in golden_cases.all_cases(db)]
        detail = {"what": "golden cases", "count": len(lines)}
        audit.record(db, staff, AuditAction.EXPORT, now=services.now(), detail=detail)
    return "".join(f"{line}\n" for line in lines)


def case_of(talk: JudgedTalk, insight_id: UUID) -> dict[str, Any] | None:
    """The line that an insight's correction gives; None: there is nothing to correct.

    Labelled is what the reviewer calls correct. What they did not judge, and what is true but a
    duplicate or of no use, is tolerated: a model may find it again or not.
    """
    corrected = next(insight for insight in talk.insights if insight.id == insight_id)
    if corrected.verdict is None:
        return None
    if corrected.verdict == Verdict.CORRECT and corrected.rewrite is None:
        return None
    labels: dict[str, dict[str, Any]] = {}
    for insight in talk.insights:
        if insight.verdict == Verdict.CORRECT:
            new = {"key": insight.pattern_key, "severity": insight.severity, "quotes": []}
            labels.setdefault(insight.pattern_key, new)["quotes"] += insight.quotes
    open_keys = {i.pattern_key for i in talk.insights if i.verdict not in REJECTED} - labels.keys()
    return {
        "id": f"{_PREFIX}{insight_id}",
        "kind": "habit" if labels else "good",
        "about": _about(corrected),
        "language": talk.language,
        "lines": list(talk.lines),
        "suspect": list(talk.suspect),
        "patterns": list(labels.values()),
        "tolerated": sorted(open_keys),
    }


def _about(corrected: JudgedInsight) -> str:
    """What was wrong, and how it should have been worded."""
    said = f"{corrected.pattern_key}: {str(corrected.verdict).replace('_', ' ')}"
    return f"{said}; better: {corrected.rewrite}" if corrected.rewrite else said


def insight_of(case_id: str) -> UUID | None:
    """The insight whose correction a case is; None: the case was written for the repository."""
    prefix, _, named = case_id.partition(_PREFIX)
    try:
        return UUID(named) if not prefix else None
    except ValueError:
        return None
