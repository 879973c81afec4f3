"""The list of sessions, filtered: which match, as lines, as ids and counted.

Each filter is one condition on a session; keys are in the order of creation, and so is the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.criteria import Criteria, ReviewNeed
from pipeline.database import words
from pipeline.database.models import Insight, Run, SpeakingSession, StoredTranscript
from pipeline.database.operations import is_kept, is_newest, stuck
from pipeline.database.reading import failure_of, is_named
from pipeline.database.staff_models import ResultSummary, StoredReview
from pipeline.listed import AudioState, ListedSession, Offered
from pipeline.status import Stage, Status
from pipeline.verdict import ReviewState

S = SpeakingSession
R = ResultSummary
MOST_MOVING = 1_000
"""Counting what moves stops there."""


def ids(
    db: Session, criteria: Criteria, *, before: UUID | None, limit: int, now: datetime
) -> list[UUID]:
    """Up to `limit` sessions that match and are older than `before`, newest first."""
    return list(db.scalars(_newest(criteria, before=before, limit=limit, now=now)))


def older(db: Session, criteria: Criteria, than: UUID, *, now: datetime) -> UUID | None:
    """The newest session that matches and is older than `than`."""
    found = ids(db, criteria, before=than, limit=_A_FEW, now=now)
    return found[0] if found else None


def newer(db: Session, criteria: Criteria, than: UUID, *, now: datetime) -> UUID | None:
    """The oldest session that matches and is newer than `than`."""
    chosen = _matching(criteria, now).where(S.id > than).order_by(S.id).limit(_A_FEW)
    return db.scalars(chosen).first()


_A_FEW = 50
"""For one alone Postgres would walk from key to key, however far it is to one that matches."""


def count(
    db: Session,
    criteria: Criteria,
    *,
    before: UUID | None = None,
    after: UUID | None = None,
    most: int,
    now: datetime,
) -> int:
    """How many sessions between two ids match, at most `most`."""
    # In the order of the list, or Postgres begins with the oldest, of which few may match.
    chosen = _matching(criteria, now).order_by(S.id.desc()).limit(most)
    if before is not None:
        chosen = chosen.where(S.id < before)
    if after is not None:
        chosen = chosen.where(S.id > after)
    return db.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def lines(
    db: Session, criteria: Criteria, *, before: UUID | None, limit: int, now: datetime
) -> list[ListedSession]:
    """Up to `limit` sessions that match and are older than `before`, newest first."""
    chosen = _newest(criteria, before=before, limit=limit, now=now).subquery()
    rows = db.execute(
        select(
            *S.__table__.columns,
            Run.attempts,
            Run.number,
            _review_rank(now).label("review_rank"),
            *(column for column in R.__table__.columns if column.name not in _SHARED),
        )
        .join(chosen, chosen.c.id == S.id)
        .outerjoin(Run, Run.id == S.run_id)
        .outerjoin(R, R.session_id == S.id)
        .order_by(S.id.desc())
    )
    return [_line(row) for row in rows]


_SHARED = {"session_id", "run_id"}
"""Columns of a summary that the session's row has, too."""


def _newest(criteria: Criteria, *, before: UUID | None, limit: int, now: datetime) -> Select[UUID]:
    chosen = _matching(criteria, now).order_by(S.id.desc()).limit(limit)
    return chosen if before is None else chosen.where(S.id < before)


def _matching(criteria: Criteria, now: datetime) -> Select[UUID]:
    return select(S.id).where(*_conditions(criteria, now))


def _conditions(criteria: Criteria, now: datetime) -> Iterator[ColumnElement[bool]]:
    """One condition for each filter that is set."""
    yield from _columns_are(criteria)
    if criteria.audio_held:
        yield is_kept()
        yield S.uploaded_at.is_not(None)
    if criteria.stuck:
        yield S.id.in_(stuck(now))
    if criteria.review is not None:
        yield from _review_is(criteria.review, now)
    if criteria.reviewer is not None:
        yield _is_with(criteria.reviewer)
    if criteria.words:
        yield _holds_words(criteria.words)
    if criteria.search:
        yield is_named(criteria.search)
    yield from _result_is(criteria)


def _columns_are(criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """What the session's own columns say."""
    for column, wanted in (
        (S.status, criteria.status),
        (S.error_code, criteria.error_code),
        (S.learner_id, criteria.user_id),
        (S.source, criteria.source),
    ):
        if wanted is not None:
            yield column == wanted
    if criteria.created_from is not None:
        yield S.created_at >= criteria.created_from
    if criteria.created_until is not None:
        yield S.created_at < criteria.created_until


def _review_is(need: ReviewNeed, now: datetime) -> Iterator[ColumnElement[bool]]:
    # By the session, too, where few are looked for or hardly any is left out: then they are found
    # in the order of the list. Otherwise Postgres takes two conditions to hold of next to none.
    of_result = StoredReview.run_id == S.result_run_id
    of_session = and_(StoredReview.session_id == S.id, of_result)
    is_completed = StoredReview.state == ReviewState.COMPLETED
    match need:
        case ReviewNeed.NEEDED:
            yield S.status == Status.COMPLETED
            yield S.transcript_removed_at.is_(None)
            yield ~exists().where(of_session, is_completed)
        case ReviewNeed.IN_HAND:
            yield exists().where(of_session, _is_in_hand(now))
        case ReviewNeed.DONE:
            yield exists().where(of_result, is_completed)


def _is_in_hand(now: datetime) -> ColumnElement[bool]:
    """A lock that ran out holds nothing: somebody else may take it."""
    return (StoredReview.state == ReviewState.OPEN) & (StoredReview.locked_until > now)


def _is_with(reviewer: str) -> ColumnElement[bool]:
    assigned = select(S.id).where(S.assigned_to == reviewer)
    reviewed = select(StoredReview.session_id).where(
        StoredReview.reviewer == reviewer, StoredReview.state != ReviewState.SKIPPED
    )
    return S.id.in_(assigned.union(reviewed))


def _holds_words(asked: str) -> ColumnElement[bool]:
    # Of no learner's language, as the column is. Named outright: of a parameter Postgres cannot
    # tell beforehand how many transcripts will match.
    wanted = func.plainto_tsquery(text("'simple'::regconfig"), asked)
    held = StoredTranscript.searchable.op("@@")(wanted)
    return and_(S.id.in_(select(StoredTranscript.session_id).where(held)), words.may_be_read())


def _result_is(criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """What is asked of the run that is shown."""
    figures: list[ColumnElement[bool]] = []
    if criteria.model is not None:
        figures.append(R.model == criteria.model)
    if criteria.prompt_version is not None:
        figures.append(R.prompt_version == criteria.prompt_version)
    if criteria.suspect_above is not None:
        figures.append(R.suspect_share > criteria.suspect_above)
    if criteria.evidence_below is not None:
        figures.append(R.evidence_share < criteria.evidence_below)
    insight = [
        column == wanted
        for column, wanted in (
            (Insight.category, criteria.category),
            (Insight.pattern_key, criteria.pattern_key),
            (Insight.severity, criteria.severity),
        )
        if wanted is not None
    ]
    counted = _COUNTED.get(criteria.severity or "")
    if len(insight) == 1 and counted is not None:
        # The result's line has counted them: nobody reads insights for it.
        figures.append(counted > 0)
    elif insight:
        yield exists().where(
            Insight.session_id == S.id, Insight.run_id == S.result_run_id, *insight
        )
    if figures:
        yield S.id.in_(select(R.session_id).where(*figures))


_COUNTED: dict[str, InstrumentedAttribute[int]] = {
    "high": R.high,
    "medium": R.medium,
    "low": R.low,
}
"""How many insights of a severity there are."""


def _review_rank(now: datetime) -> ColumnElement[int | None]:
    """2: a review of the result is finished. 1: one is under way. None: neither."""
    ranked = case((StoredReview.state == ReviewState.COMPLETED, 2), (_is_in_hand(now), 1))
    return select(func.max(ranked)).where(StoredReview.run_id == S.result_run_id).scalar_subquery()


def _line(row: Row[*tuple[Any, ...]]) -> ListedSession:
    return ListedSession(
        id=row.id,
        user_id=row.learner_id,
        title=row.title,
        language=row.language,
        source=row.source,
        is_rerun=(row.number or 1) > 1,
        status=Status(row.status),
        stage=Stage(row.stage) if row.stage else None,
        status_changed_at=row.status_changed_at,
        created_at=row.created_at,
        duration_seconds=row.duration_seconds,
        attempts=row.attempts or 0,
        error=failure_of(row),
        audio=_audio(row),
        uploaded_at=row.uploaded_at,
        audio_deleted_at=row.audio_deleted_at,
        assigned_to=row.assigned_to,
        review=_review(row),
        words=row.words,
        words_per_minute=row.words_per_minute,
        suspect_share=row.suspect_share,
        evidence_share=row.evidence_share,
        high=row.high,
        medium=row.medium,
        low=row.low,
        model=row.model,
        prompt_version=row.prompt_version,
        cost_usd=row.cost_usd,
    )


def _audio(row: Row[*tuple[Any, ...]]) -> AudioState:
    if row.audio_deleted_at is not None:
        return AudioState.DELETED
    return AudioState.NONE if row.uploaded_at is None else AudioState.HELD


def _review(row: Row[*tuple[Any, ...]]) -> ReviewNeed | None:
    if row.review_rank is not None:
        return ReviewNeed.DONE if row.review_rank == 2 else ReviewNeed.IN_HAND  # noqa: PLR2004 - as `_review_rank` gives it
    has_words = row.transcript_removed_at is None
    return ReviewNeed.NEEDED if row.status == Status.COMPLETED and has_words else None


def standing(db: Session, session_ids: list[UUID]) -> dict[UUID, tuple[Status, Stage | None]]:
    """Where each of these sessions stands; one that is gone is left out."""
    rows = db.execute(select(S.id, S.status, S.stage).where(S.id.in_(session_ids)))
    return {row.id: (Status(row.status), Stage(row.stage) if row.stage else None) for row in rows}


def moving(db: Session) -> dict[Status, int]:
    """Sessions whose newest run has not ended, by status; others change by nobody's leave."""
    live = (
        select(S.status)
        .join(Run, is_newest())
        .where(Run.outcome.is_(None))
        .limit(MOST_MOVING)
        .subquery()
    )
    rows = db.execute(select(live.c.status, func.count()).group_by(live.c.status))
    return {Status(row[0]): int(row[1]) for row in rows}


def offered(db: Session) -> Offered:
    """What is in use, for the filters to offer."""
    columns: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
        "error_codes": (S.error_code,),
        "models": (R.model,),
        "prompt_versions": (R.prompt_version,),
        "pattern_keys": (Insight.pattern_key,),
        "reviewers": (S.assigned_to, StoredReview.reviewer),
    }
    sources = [_in_use(name, column) for name, held in columns.items() for column in held]
    found: dict[str, list[str]] = {name: [] for name in columns}
    for name, value in db.execute(union(*sources).order_by(text("1, 2"))):
        found[name].append(value)
    return Offered(**{name: tuple(values) for name, values in found.items()})


def _in_use(name: str, column: InstrumentedAttribute[Any]) -> Select[Any]:
    """Each value of a column once, beside `name`.

    Each step looks the next greater one up in the column's index: as many steps as there are
    values, where DISTINCT would read a million rows.
    """
    least = select(column.label("value")).where(column.is_not(None)).order_by(column).limit(1)
    seen = least.cte(f"{name}_{column.key}", recursive=True)
    following = (
        select(column).where(column > seen.c.value).order_by(column).limit(1).scalar_subquery()
    )
    seen = seen.union_all(select(following).where(seen.c.value.is_not(None)))
    return select(literal(name), seen.c.value).where(seen.c.value.is_not(None))
