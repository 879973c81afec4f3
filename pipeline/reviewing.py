"""Judging the feedback: verdicts on insights, and the queue that hands out runs to review.

Each write is one transaction that checks again what the reviewer saw. Nothing half-written is
ever left: a refusal says what changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from pipeline import golden_case
from pipeline.database import audit, reading, reviews, sessions
from pipeline.database.engine import transaction
from pipeline.errors import InvalidInput, NotFound, OutOfDate, Taken, TranscriptGone
from pipeline.plain_text import PlainText
from pipeline.services import Services
from pipeline.session import SessionDetail
from pipeline.staff import AuditAction, Role, Staff
from pipeline.verdict import (
    FIRST,
    MOST_CHARACTERS,
    SECOND,
    InHand,
    Progress,
    ReviewState,
    Rule,
    RunOpinions,
    Verdict,
)

GONE = "This talk was deleted meanwhile. There is nothing left to review."
RUN_AGAIN = "This talk was analysed again meanwhile: other insights are shown now. Look again."
JUDGED_ELSEWHERE = "Your verdict was changed in another window. Look again, then decide."
WORDLESS = "The words of this talk were removed: there is nothing left to judge its insights by."
TAKEN = "Your time with this talk ran out and somebody else took it. Your verdicts are kept."

_TEXT = TypeAdapter(PlainText)


@dataclass(frozen=True, slots=True)
class Item:
    """What a reviewer has in hand, with all that its page draws."""

    hand: InHand
    detail: SessionDetail
    opinions: RunOpinions

    @property
    def is_second(self) -> bool:
        """Somebody else has reviewed it already, and what they said is hidden."""
        return self.hand.round == SECOND

    @property
    def unjudged(self) -> tuple[UUID, ...]:
        """Insights that wait for the reviewer's verdict, in the order of the page."""
        return tuple(
            insight.id
            for insight in self.detail.insights
            if self.opinions.of(insight.id).mine is None
        )


def opinions(services: Services, staff: Staff, session_id: UUID) -> RunOpinions:
    """What the viewer may know of the verdicts on the run that a session shows.

    Raises:
        Forbidden: the viewer may not review.
        NotFound: no such session.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        session = sessions.find(db, session_id)
        if session is None:
            raise NotFound
        if session.result_run_id is None:
            return RunOpinions()
        return _opinions(services, db, session.result_run_id, staff)


def _opinions(services: Services, db: Session, run_id: UUID, staff: Staff) -> RunOpinions:
    percent = services.settings.review_second_percent
    return reviews.opinions(db, run_id, viewer=staff.name, second_percent=percent)


def save_verdict(
    services: Services,
    staff: Staff,
    insight_id: UUID,
    *,
    verdict: Verdict,
    rewrite: str | None,
    note: str | None,
    seen_version: int | None,
) -> int:
    """Say what one thinks of an insight that is shown; the verdict's new version.

    `seen_version` is that of one's verdict as it was drawn, None where there was none. Saying
    the same again changes nothing, whatever was seen: a double click is no conflict.

    Raises:
        Forbidden: the role does not allow it.
        InvalidInput: a text is too long.
        OutOfDate: the insight is gone or not shown any more, or the verdict is another one.
        TranscriptGone: the words of its talk were removed.
    """
    staff.must_be(Role.COACH)
    rewrite, note = _text(rewrite, "rewrite"), _text(note, "note")
    now = services.now()
    with transaction(services.engine) as db:
        written = reviews.save_verdict(
            db,
            insight_id,
            reviewer=staff.name,
            verdict=verdict,
            rewrite=rewrite,
            note=note,
            seen_version=seen_version,
            now=now,
        )
        if written is None:
            held = reviews.verdict_of(db, insight_id, staff.name)
            if held and (held.verdict, held.rewrite, held.note) == (verdict, rewrite, note):
                return held.version
            has_words = reviews.has_words(db, insight_id)
            if has_words is None:
                raise OutOfDate(GONE)
            if not has_words:
                raise TranscriptGone(WORDLESS)
            same = (held.version if held else None) == seen_version
            raise OutOfDate(RUN_AGAIN if same else JUDGED_ELSEWHERE)
        run_id, session_id, version = written
        golden_case.follow(db, staff, run_id, now=now)
        detail = {"insight": str(insight_id), "version": version}
        audit.record(db, staff, AuditAction.VERDICT, now=now, session_id=session_id, detail=detail)
    return version


def withdraw_verdict(
    services: Services, staff: Staff, insight_id: UUID, *, seen_version: int
) -> None:
    """Take one's verdict back. Taking it back again changes nothing.

    Raises:
        Forbidden: the role does not allow it.
        OutOfDate: the verdict is not the one that was seen.
    """
    staff.must_be(Role.COACH)
    now = services.now()
    with transaction(services.engine) as db:
        gone = reviews.withdraw_verdict(
            db, insight_id, reviewer=staff.name, seen_version=seen_version
        )
        if gone is None:
            if reviews.verdict_of(db, insight_id, staff.name) is not None:
                raise OutOfDate(JUDGED_ELSEWHERE)
            return
        run_id, session_id = gone
        golden_case.follow(db, staff, run_id, now=now)
        detail = {"insight": str(insight_id), "withdrawn": True}
        audit.record(db, staff, AuditAction.VERDICT, now=now, session_id=session_id, detail=detail)


def _text(said: str | None, name: str) -> str | None:
    """A text as it is kept: None where nothing was said."""
    kept = _TEXT.validate_python(said or "").strip()
    if len(kept) > MOST_CHARACTERS:
        raise InvalidInput(f"The {name} is longer than {MOST_CHARACTERS} characters. Shorten it.")
    return kept or None


def item_in_hand(services: Services, staff: Staff) -> Item | None:
    """What the reviewer holds; looking at it keeps it in their hands for a while longer.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        hand = reviews.renew(db, staff.name, now=services.now())
        return _item(services, db, hand, staff) if hand else None


def next_item(services: Services, staff: Staff, rule: Rule) -> Item | None:
    """Take the next run to review; what one holds already comes first, whatever the rule.

    Second reviews, which few may do, are handed out before first ones; the newest talk first.
    None: nothing waits for this reviewer under this rule.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    now = services.now()
    with transaction(services.engine) as db:
        reviews.take_turns(db)
        hand = reviews.renew(db, staff.name, now=now)
        if hand and not hand.is_shown:
            reviews.drop(db, hand.review_id, reviewer=staff.name)
            hand = None
        if hand is None and _claimed(services, db, staff, rule, now=now):
            hand = reviews.renew(db, staff.name, now=now)
        return _item(services, db, hand, staff) if hand else None


def _claimed(services: Services, db: Session, staff: Staff, rule: Rule, *, now: datetime) -> bool:
    """Claim a run, and write down that its transcript is looked at."""
    percent = services.settings.review_second_percent
    for round_ in (SECOND, FIRST):
        session_id = reviews.claim(
            db, staff.name, rule, round_=round_, second_percent=percent, now=now
        )
        if session_id is not None:
            audit.record(
                db,
                staff,
                AuditAction.VIEW_TRANSCRIPT,
                now=now,
                session_id=session_id,
                detail={"round": round_},
            )
            return True
    return False


def _item(services: Services, db: Session, hand: InHand, staff: Staff) -> Item | None:
    detail = reading.session_detail(db, hand.session_id)
    if detail is None:
        return None
    return Item(hand, detail, _opinions(services, db, hand.run_id, staff))


def complete(services: Services, staff: Staff, review_id: UUID, *, note: str | None = None) -> None:
    """Finish a review. Finishing it again changes nothing.

    Raises:
        Forbidden: the role does not allow it.
        InvalidInput: an insight has no verdict of the reviewer yet.
        OutOfDate: the talk is gone, or another run is shown.
        Taken: the lock ran out, and somebody else holds it.
    """
    staff.must_be(Role.COACH)
    note = _text(note, "note")
    with transaction(services.engine) as db:
        run_id = _finish(services, db, staff, review_id, ReviewState.COMPLETED, note=note)
        if run_id is None:
            return
        left = reviews.count_unjudged(db, run_id, staff.name)
        if left:
            raise InvalidInput(f"Insights without your verdict: {left}. Judge them, or skip.")


def skip(services: Services, staff: Staff, review_id: UUID, *, reason: str) -> None:
    """Hand a run back for somebody else, and say why. Skipping it again changes nothing.

    Raises:
        Forbidden: the role does not allow it.
        InvalidInput: no reason.
        OutOfDate, Taken: as with `complete`.
    """
    staff.must_be(Role.COACH)
    why = _text(reason, "reason")
    if why is None:
        raise InvalidInput("Say why you skip it: somebody else will wonder.")
    with transaction(services.engine) as db:
        _finish(services, db, staff, review_id, ReviewState.SKIPPED, reason=why)


def _finish(
    services: Services,
    db: Session,
    staff: Staff,
    review_id: UUID,
    state: ReviewState,
    *,
    reason: str | None = None,
    note: str | None = None,
) -> UUID | None:
    """End a review of the run that is shown; the run, None: it was ended so before."""
    found = reviews.find(db, review_id)
    if found is None:
        raise OutOfDate(GONE)
    # The session first: its deletion locks it before its reviews, too.
    is_shown = reviews.is_shown(db, found.session_id, found.run_id)
    now = services.now()
    if is_shown and reviews.finish(
        db, review_id, state, reviewer=staff.name, reason=reason, note=note, now=now
    ):
        audit.record(
            db,
            staff,
            AuditAction.REVIEW,
            now=now,
            session_id=found.session_id,
            reason=reason,
            detail={"state": state, "round": found.round},
        )
        return found.run_id
    db.expire_all()
    found = reviews.find(db, review_id)
    if found is None:
        raise OutOfDate(GONE)
    if found.reviewer != staff.name:
        raise Taken(TAKEN)
    if found.state == state:
        return None
    raise OutOfDate(RUN_AGAIN)


def release(services: Services, staff: Staff, review_id: UUID) -> None:
    """Put back what one holds, as if it had never been taken; verdicts given stay.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        session_id = reviews.drop(db, review_id, reviewer=staff.name)
        if session_id is not None:
            audit.record(
                db,
                staff,
                AuditAction.REVIEW,
                now=services.now(),
                session_id=session_id,
                detail={"state": "released"},
            )


def progress(services: Services, staff: Staff, rule: Rule) -> Progress:
    """How far the reviewer is today (UTC), and what the rule would still hand to them.

    Raises:
        Forbidden: the role does not allow it.
    """
    staff.must_be(Role.COACH)
    now = services.now()
    percent = services.settings.review_second_percent
    with transaction(services.engine) as db:
        return Progress(
            done_today=reviews.count_done(
                db, staff.name, since=now.replace(hour=0, minute=0, second=0, microsecond=0)
            ),
            left=reviews.count_waiting(db, staff.name, rule, second_percent=percent, now=now),
        )
