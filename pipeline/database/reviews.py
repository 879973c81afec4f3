"""Verdicts and reviews as rows: who may know what, who holds which run, and for how long.

Two rules are kept here and nowhere else: of each round of a run there is one review, and what
others say of a run is kept from whoever may still review it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    SQLColumnExpression,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from pipeline.database import words
from pipeline.database.base import new_id
from pipeline.database.models import Insight, SpeakingSession, StoredAnalysis
from pipeline.database.prompts import new_prompts
from pipeline.database.staff_models import GoldenCase, ResultSummary, StoredReview, StoredVerdict
from pipeline.status import Status
from pipeline.verdict import (
    FIRST,
    LOCK_MINUTES,
    MOST_COUNTED,
    SECOND,
    InHand,
    Judged,
    Opinions,
    QueueRule,
    ReviewState,
    Rule,
    RunOpinions,
    Verdict,
)

LOCK = timedelta(minutes=LOCK_MINUTES)
LOW_EVIDENCE_BELOW = 0.8
"""Share of the model's quotes that were found, 0–1."""
NEW_PROMPT_DAYS = 14

S, M, R, V = SpeakingSession, ResultSummary, StoredReview, StoredVerdict
_TURNS = "review queue"
_SAMPLE, _SECOND = 1, 2
"""Seeds, so that the two samples do not coincide."""


def _sampled(key: SQLColumnExpression[Any], percent: int, *, seed: int) -> ColumnElement[bool]:
    """Whether an id belongs to a share of all ids: by its hash, hence always the same ones."""
    hashed = func.hashtextextended(cast(key, Text), seed)
    return func.abs(func.mod(hashed, 100)) < percent


def opinions(db: Session, run_id: UUID, *, viewer: str, second_percent: int) -> RunOpinions:
    """What is said of a run's insights. What the viewer may not know does not leave Postgres."""
    hidden = _hidden(literal(run_id), viewer, second_percent)
    is_blind = bool(db.scalar(select(hidden)))
    told: dict[UUID, list[Judged]] = defaultdict(list)
    rows = db.execute(
        select(*V.__table__.columns)
        .where(V.run_id == run_id, or_(V.reviewer == viewer, ~hidden))
        .order_by(V.created_at, V.id)
    )
    for row in rows:
        told[row.insight_id].append(_judged(row))
    golden = set(
        db.scalars(
            select(GoldenCase.insight_id)
            .join(Insight, Insight.id == GoldenCase.insight_id)
            .where(Insight.run_id == run_id, or_(GoldenCase.created_by == viewer, ~hidden))
        )
    )
    return RunOpinions(
        is_blind,
        {
            insight_id: Opinions(
                mine=next((j for j in told[insight_id] if j.reviewer == viewer), None),
                others=tuple(j for j in told[insight_id] if j.reviewer != viewer),
                is_golden=insight_id in golden,
            )
            for insight_id in told.keys() | golden
        },
    )


def _hidden(run: ColumnElement[UUID], viewer: str, second_percent: int) -> ColumnElement[bool]:
    """Whether others' verdicts on a run are kept from the viewer.

    They are while the viewer holds it, and while it waits for a second review that may still be
    the viewer's: one who has finished or skipped it has nothing left to be blind for.
    """
    own, second = aliased(R), aliased(R)
    mine = exists().where(own.run_id == run, own.reviewer == viewer)
    holds = mine.where(own.state == ReviewState.OPEN)
    is_through = mine.where(own.state != ReviewState.OPEN)
    is_seconded = exists().where(
        second.run_id == run, second.round == SECOND, second.state == ReviewState.COMPLETED
    )
    waits = and_(_sampled(run, second_percent, seed=_SECOND), ~is_seconded)
    return and_(~is_through, or_(holds, waits))


def _judged(row: Row[Any]) -> Judged:
    return Judged(
        reviewer=row.reviewer,
        verdict=Verdict(row.verdict),
        rewrite=row.rewrite,
        note=row.note,
        version=row.version,
        updated_at=row.updated_at,
    )


def save_verdict(
    db: Session,
    insight_id: UUID,
    *,
    reviewer: str,
    verdict: Verdict,
    rewrite: str | None,
    note: str | None,
    seen_version: int | None,
    now: datetime,
) -> Row[UUID, UUID, int] | None:
    """Write a verdict; its run, session and version.

    None, and nothing is written: the insight is gone, another run is shown, its talk's words may
    not be read, or the reviewer's verdict is not the one seen (None: there was none).
    """
    said = {"verdict": verdict, "rewrite": rewrite, "note": note}
    held = exists().where(V.insight_id == insight_id, V.reviewer == reviewer)
    shown = (
        select(
            literal(new_id()),
            Insight.id,
            Insight.run_id,
            Insight.session_id,
            Insight.category,
            StoredAnalysis.prompt_version,
            StoredAnalysis.model,
            literal(reviewer),
            *map(literal, said.values()),
            literal(now),
            literal(now),
        )
        .join(S, and_(S.id == Insight.session_id, S.result_run_id == Insight.run_id))
        .join(StoredAnalysis, StoredAnalysis.run_id == Insight.run_id)
        .where(
            Insight.id == insight_id,
            words.may_be_read(),
            true() if seen_version is None else held,
        )
        # The session alone, as its deletion locks it before all that goes with it.
        .with_for_update(key_share=True, read=True, of=S)
    )
    of_what = ["insight_id", "run_id", "session_id", "category", "prompt_version", "model"]
    names = ["id", *of_what, "reviewer", *said, "created_at", "updated_at"]
    written = upsert(V).from_select(names, shown)
    return db.execute(
        written.on_conflict_do_update(
            index_elements=["insight_id", "reviewer"],
            set_={**said, "updated_at": now, "version": V.version + 1},
            where=V.version == seen_version,
        ).returning(V.run_id, V.session_id, V.version)
    ).one_or_none()


def withdraw_verdict(
    db: Session, insight_id: UUID, *, reviewer: str, seen_version: int
) -> Row[UUID, UUID] | None:
    """Delete a verdict; its run and session. None: it is not the one seen."""
    return db.execute(
        delete(V)
        .where(V.insight_id == insight_id, V.reviewer == reviewer, V.version == seen_version)
        .returning(V.run_id, V.session_id)
    ).one_or_none()


def verdict_of(db: Session, insight_id: UUID, reviewer: str) -> Judged | None:
    """One person's verdict on one insight."""
    row = db.execute(
        select(*V.__table__.columns).where(V.insight_id == insight_id, V.reviewer == reviewer)
    ).one_or_none()
    return _judged(row) if row else None


def has_words(db: Session, insight_id: UUID) -> bool | None:
    """Whether the words of an insight's talk may be read; None: the insight is gone."""
    return db.scalar(
        select(words.may_be_read())
        .join(Insight, Insight.session_id == S.id)
        .where(Insight.id == insight_id)
    )


def take_turns(db: Session) -> None:
    """Wait until no other transaction hands out runs.

    A statement sees what was committed before it began, not what is committed while it waits.
    """
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_TURNS, 0))))


def renew(db: Session, reviewer: str, *, now: datetime) -> InHand | None:
    """What the reviewer holds, for a while longer; None: nothing, or somebody else took it."""
    until = now + LOCK
    row = db.execute(
        update(R)
        .where(R.reviewer == reviewer, R.state == ReviewState.OPEN, R.finished_at.is_(None))
        .values(locked_until=until)
        .returning(
            R.id,
            R.session_id,
            R.run_id,
            R.round,
            exists().where(S.id == R.session_id, S.result_run_id == R.run_id),
        )
    ).one_or_none()
    if row is None:
        return None
    review_id, session_id, run_id, round_, shown = row
    return InHand(review_id, session_id, run_id, round_, until, is_shown=shown)


def claim(
    db: Session, reviewer: str, rule: Rule, *, round_: int, second_percent: int, now: datetime
) -> UUID | None:
    """Give the newest run that waits for this round to the reviewer, by one statement.

    A run whose lock ran out is taken over. A session that is being deleted or whose run just
    ends is passed by. Returns the session, None: nothing waits for this reviewer.
    """
    waiting = _waiting(db, reviewer, rule, round_=round_, second_percent=second_percent, now=now)
    chosen = (
        waiting.order_by(S.id.desc())
        .limit(1)
        .with_for_update(key_share=True, read=True, of=S, skip_locked=True)
        .subquery()
    )
    taken = {"reviewer": reviewer, "started_at": now, "locked_until": now + LOCK}
    fixed = {"id": new_id(), "round": round_, "state": ReviewState.OPEN, **taken}
    return db.scalar(
        upsert(R)
        .from_select(
            ["session_id", "run_id", *fixed],
            select(chosen.c.id, chosen.c.result_run_id, *map(literal, fixed.values())),
        )
        .on_conflict_do_update(
            index_elements=["run_id", "round"],
            index_where=text("state <> 'skipped'"),
            set_=taken,
            where=and_(R.state == ReviewState.OPEN, R.locked_until <= now),
        )
        .returning(R.session_id)
    )


def count_waiting(
    db: Session, reviewer: str, rule: Rule, *, second_percent: int, now: datetime
) -> int:
    """How many runs wait for this reviewer, in both rounds; counted up to `MOST_COUNTED`."""
    counted = 0
    for round_ in (SECOND, FIRST):
        waiting = _waiting(
            db, reviewer, rule, round_=round_, second_percent=second_percent, now=now
        )
        some = waiting.limit(MOST_COUNTED - counted).subquery()
        counted += db.scalar(select(func.count()).select_from(some)) or 0
    return counted


def _waiting(
    db: Session, reviewer: str, rule: Rule, *, round_: int, second_percent: int, now: datetime
) -> Select[UUID, UUID | None]:
    """Sessions with the run that is shown, where it waits for this round by this reviewer."""
    busy, first = aliased(R), aliased(R)
    is_done = busy.state == ReviewState.COMPLETED
    is_held = and_(busy.state == ReviewState.OPEN, busy.locked_until > now)
    excluded = exists().where(
        busy.run_id == S.result_run_id,
        or_(busy.reviewer == reviewer, and_(busy.round == round_, or_(is_done, is_held))),
    )
    waiting = (
        select(S.id, S.result_run_id)
        .join(M, M.session_id == S.id)
        .where(
            S.status == Status.COMPLETED,
            # Without the words there is nothing to judge quotes against.
            words.may_be_read(),
            _kept_by(db, rule, reviewer, now),
            ~excluded,
        )
    )
    if round_ == FIRST:
        return waiting
    return waiting.join(first, first.run_id == S.result_run_id).where(
        first.round == FIRST,
        first.state == ReviewState.COMPLETED,
        _sampled(first.run_id, second_percent, seed=_SECOND),
    )


def _kept_by(db: Session, rule: Rule, reviewer: str, now: datetime) -> ColumnElement[bool]:
    match rule.kind:
        case QueueRule.ALL:
            return true()
        case QueueRule.SAMPLE:
            return _sampled(S.result_run_id, rule.percent, seed=_SAMPLE)
        case QueueRule.LOW_EVIDENCE:
            return M.evidence_share < LOW_EVIDENCE_BELOW
        case QueueRule.NEW_PROMPT:
            since = now - timedelta(days=NEW_PROMPT_DAYS)
            return M.prompt_version.in_(new_prompts(db, since=since))
        case QueueRule.MINE:
            return S.assigned_to == reviewer


def drop(db: Session, review_id: UUID, *, reviewer: str) -> UUID | None:
    """Put back what the reviewer holds, as if it had never been taken; its session."""
    return db.scalar(
        delete(R)
        .where(R.id == review_id, R.reviewer == reviewer, R.state == ReviewState.OPEN)
        .returning(R.session_id)
    )


def find(db: Session, review_id: UUID) -> StoredReview | None:
    """A review's row, whoever has it."""
    return db.get(R, review_id)


def is_shown(db: Session, session_id: UUID, run_id: UUID) -> bool:
    """Whether the session shows this run's results; it stays so until the transaction ends."""
    row = db.scalar(
        select(S.id).where(S.id == session_id, S.result_run_id == run_id).with_for_update(read=True)
    )
    return row is not None


def finish(
    db: Session,
    review_id: UUID,
    state: ReviewState,
    *,
    reviewer: str,
    reason: str | None = None,
    note: str | None = None,
    now: datetime,
) -> bool:
    """Close what the reviewer holds. False: it is not in their hands."""
    ended = {"state": state, "reason": reason, "note": note, "finished_at": now}
    closed = db.execute(
        update(R)
        .where(R.id == review_id, R.reviewer == reviewer, R.state == ReviewState.OPEN)
        .values(**ended, locked_until=None)
        .returning(R.id)
    )
    return closed.one_or_none() is not None


def count_unjudged(db: Session, run_id: UUID, reviewer: str) -> int:
    """How many of a run's insights the reviewer has not judged."""
    judged = exists().where(V.insight_id == Insight.id, V.reviewer == reviewer)
    found = select(func.count()).where(Insight.run_id == run_id, ~judged)
    return db.scalar(found) or 0


def count_done(db: Session, reviewer: str, *, since: datetime) -> int:
    """How many reviews this person completed since then."""
    found = select(func.count()).where(
        R.reviewer == reviewer, R.finished_at >= since, R.state == ReviewState.COMPLETED
    )
    return db.scalar(found) or 0
