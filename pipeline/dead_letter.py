"""When the queue gives up: the session says so, and people see the letter and decide.

A dead letter is a message that the queue will not deliver again. It is kept there, not by us:
nothing of ours hangs on it, and deleting one changes no session.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from pipeline import retention
from pipeline.database import audit, letters, operations, sessions
from pipeline.database import retention as kept
from pipeline.database.engine import transaction
from pipeline.database.letters import Standing
from pipeline.errors import NotFound, NotRetryable, RostrumError, TranscriptGone
from pipeline.letter import Contents, Purpose, contents
from pipeline.queue import MOST_LETTERS, Letter
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Status

ACTOR = "queue"
APP = "app"
"""Whom the timeline names where the company's app asks: it alone holds the token."""
MOST_PAGES = 10
"""How many pages of the queue's letters one call looks through."""
MOST_RETRIED = 100
"""How many letters one call of `retry_all` opens again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up, and what became of its session since."""

    id: str
    """The queue's own."""
    purpose: Purpose
    session_id: UUID | None
    run_id: UUID | None
    """None: the message named none, and meant the newest run."""
    response_status: int | None
    """HTTP status of the last answer; None: no answer came."""
    code: str | None
    """Our code in the last answer; None: whoever answered was not us."""
    deliveries: int | None
    """How many were made; None: an answer ended them early, and the queue does not say when."""
    created_at: datetime
    """When the message was published."""
    user_id: str | None
    title: str | None
    session_status: Status | None
    """This and the two above: None where the session is gone."""
    attempts: int | None
    """How many deliveries worked on the run; None where it is not the newest."""
    is_newest_run: bool
    reason: str | None
    """Why a retry would not help; None: it can be retried."""

    @property
    def retryable(self) -> bool:
        """Whether a retry can help."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some of the dead letters, in the queue's order."""

    letters: tuple[DeadLetter, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Retried:
    """A letter whose run is open again."""

    session_id: UUID
    run_id: UUID
    queued: bool
    """False: the queue did not take it now, and the sweeper will publish the run."""


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What became of all letters that matched."""

    retried: int
    """Back in the queue."""
    refused: int
    """No retry would help them; they are still there."""
    failed: int
    """Open again, but the queue did not take them: the sweeper publishes their runs."""
    more: bool
    """The call ended before the last letter: call again."""


def mark_dead(
    services: Services, session_id: UUID, run_id: UUID | None, *, message_id: str | None = None
) -> bool:
    """Record that no delivery comes any more.

    False: the run is unknown or not the newest, or it was handed over again since: the message
    that was given up is not the one that the queue took last.
    """
    with transaction(services.engine) as db:
        session = sessions.lock(db, session_id)
        if session is None or session.run_id is None:
            return False
        run = sessions.find_run(db, run_id or session.run_id)
        newest = run.message_id if run else None
        if newest is not None and message_id not in {None, newest}:
            return False
        marked = operations.give_up(
            db,
            session_id,
            run_id=run_id or session.run_id,
            actor=ACTOR,
            now=services.now(),
        )
        kept.settle(db, session_id, now=services.now())
    if marked:
        retention.let_audio_go(services, session_id)
        services.meters.gave_up()
        log.warning("run_dead", extra={"session": str(session_id), "run": str(run_id)})
    return marked


def listed(
    services: Services,
    *,
    code: str | None = None,
    cursor: str | None = None,
    limit: int = MOST_LETTERS,
) -> LetterPage:
    """A page of at most `limit` dead letters, with where their sessions stand now.

    The queue cannot look for our codes: with `code` a page may be short, or at worst empty,
    while there is a next one.

    Raises:
        InvalidInput: the cursor is not one that a page gave.
        QueueUnavailable, DatabaseUnavailable: try again.
    """
    found: list[tuple[Letter, Contents]] = []
    for _ in range(MOST_PAGES):
        page, cursor = services.queue.letters(cursor=cursor, limit=limit)
        found = _ours(services, page, code)
        if found or cursor is None:
            break
    with transaction(services.engine) as db:
        held = letters.standings(db, {said.session_id for _, said in found if said.session_id})
    now = services.now()
    return LetterPage(
        tuple(
            _joined(letter, said, held.get(said.session_id) if said.session_id else None, now)
            for letter, said in found
        ),
        cursor,
    )


def _ours(
    services: Services, page: list[Letter], code: str | None
) -> list[tuple[Letter, Contents]]:
    """Letters to our own addresses, of one code where one is asked for.

    The account may serve other applications: their letters are none of our business.
    """
    read = [(letter, contents(letter, services.settings)) for letter in page]
    return [
        (letter, said)
        for letter, said in read
        if said is not None and (code is None or said.code == code)
    ]


def _joined(letter: Letter, said: Contents, standing: Standing | None, now: datetime) -> DeadLetter:
    is_newest = standing is not None and said.run_id in {None, standing.run_id}
    return DeadLetter(
        id=letter.dlq_id,
        purpose=said.purpose,
        session_id=said.session_id,
        run_id=said.run_id,
        response_status=letter.status,
        code=said.code,
        deliveries=said.deliveries,
        created_at=letter.created_at,
        user_id=standing.learner_id if standing else None,
        title=standing.title if standing else None,
        session_status=standing.status if standing else None,
        attempts=standing.attempts if standing and is_newest else None,
        is_newest_run=is_newest,
        reason=hindrance(said, standing, now=now),
    )


def hindrance(said: Contents, standing: Standing | None, *, now: datetime) -> str | None:
    """Why a retry of a letter would help nothing, in a sentence; None: it can help."""
    if said.purpose is not Purpose.PROCESS:
        return "Only deliveries of sessions are retried: the sweeper does this work by itself."
    if standing is None:
        return "Its session is gone. Delete the letter."
    if standing.run_id is None:
        return "Its session has no recording yet."
    if said.run_id not in {None, standing.run_id}:
        return "A newer run of its session was asked for. Delete the letter."
    return _hindrance_of(standing, now)


def _hindrance_of(standing: Standing, now: datetime) -> str | None:
    """What of the session stands against a retry."""
    lease = standing.lease_expires_at
    is_worked_on = standing.status is Status.PROCESSING and (lease is None or lease > now)
    # A run that no delivery reached still shows the error of the run before it.
    is_permanent = standing.attempts > 0 and standing.error_retryable is False
    reasons = (
        (standing.is_done, "Its session is completed. Delete the letter."),
        (
            standing.status is Status.COMPLETED,
            "Its session shows the results of an earlier run. Ask for another run there.",
        ),
        (is_worked_on, "Its session is being processed now."),
        (standing.will_retry, "Another delivery is on its way already: nobody needs to act."),
        (is_permanent, f"No retry can mend what went wrong: {standing.error_message}"),
        (
            standing.lacks_audio,
            "The recording was deleted before it was transcribed. Ask for a new one.",
        ),
        (standing.lacks_words, TranscriptGone.sentence),
    )
    return next((sentence for applies, sentence in reasons if applies), None)


def retry(services: Services, dlq_id: str, *, staff: Staff | None = None) -> Retried:
    """Open the run of a dead letter again and have the queue deliver it.

    Committed first, then asked of the queue: where that does not take it, the sweeper does.
    Without `staff` the company's app asks.

    Raises:
        Forbidden: `staff` may not operate the queue.
        NotFound: there is no such dead letter.
        NotRetryable: it would not help; the sentence says why.
        QueueUnavailable: nothing was changed.
        DatabaseUnavailable: look at the session before trying again.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    letter, said = _found(services, dlq_id)
    return _retry(services, letter, said, staff)


def _found(services: Services, dlq_id: str) -> tuple[Letter, Contents]:
    letter = services.queue.letter(dlq_id)
    said = contents(letter, services.settings)
    if said is None:
        raise NotFound("There is no such dead letter.")
    return letter, said


def _retry(services: Services, letter: Letter, said: Contents, staff: Staff | None) -> Retried:
    session_id, run_id = _reopen(services, letter, said, staff)
    ids = {"session": str(session_id), "run": str(run_id)}
    try:
        message_id = services.queue.retry_letter(letter.dlq_id)
    except RostrumError as error:
        # It may have landed though its answer was lost; a delivery too many changes nothing.
        log.warning("letter_not_retried", extra={**ids, "code": error.code})
        return Retried(session_id, run_id, queued=False)
    with transaction(services.engine) as db:
        # Counted as handed over: a sweeper that has just seen it waiting leaves it alone.
        sessions.next_publication(db, run_id, now=services.now())
        sessions.mark_queued(db, run_id, message_id=message_id, now=services.now())
    log.info("letter_retried", extra=ids)
    return Retried(session_id, run_id, queued=True)


def _reopen(
    services: Services, letter: Letter, said: Contents, staff: Staff | None
) -> tuple[UUID, UUID]:
    """Judge and open under one lock: of two people at once the second finds it open."""
    now = services.now()
    with transaction(services.engine) as db:
        standing = None
        if said.session_id is not None and sessions.lock(db, said.session_id) is not None:
            standing = letters.standings(db, [said.session_id]).get(said.session_id)
        reason = hindrance(said, standing, now=now)
        if reason is not None or standing is None or standing.run_id is None:
            raise NotRetryable(reason)
        session_id, run_id = standing.session_id, standing.run_id
        actor = staff.name if staff else APP
        if not letters.reopen(db, session_id, run_id=run_id, actor=actor, now=now):
            raise NotRetryable
        _record(db, staff, AuditAction.RETRY_LETTER, letter, session_id, now=now)
    return session_id, run_id


def _record(
    db: Session,
    staff: Staff | None,
    action: AuditAction,
    letter: Letter,
    session_id: UUID | None,
    *,
    now: datetime,
) -> None:
    detail = {"letter": letter.dlq_id}
    audit.record(db, staff, action, now=now, session_id=session_id, detail=detail)


def retry_all(
    services: Services, *, code: str | None = None, staff: Staff | None = None
) -> RetryReport:
    """Retry every dead letter that can be, of one code where one is given.

    Bounded: at most `MOST_RETRIED` letters of `MOST_PAGES` pages. It ends at the first letter
    that the queue does not take, rather than open more runs that it would not take either.
    Without `staff` the company's app asks.

    Raises:
        Forbidden: `staff` may not operate the queue.
        QueueUnavailable, DatabaseUnavailable: what was retried before stays retried.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    tally = dict.fromkeys(_Became, 0)
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page, cursor = services.queue.letters(cursor=cursor)
        for letter, said in _ours(services, page, code):
            became = _try_again(services, letter, said, staff)
            tally[became] += 1
            if became is _Became.FAILED or tally[_Became.RETRIED] == MOST_RETRIED:
                return _report(tally, more=True)
        if cursor is None:
            return _report(tally, more=False)
    return _report(tally, more=True)


class _Became(StrEnum):
    RETRIED = "retried"
    REFUSED = "refused"
    FAILED = "failed"


def _try_again(services: Services, letter: Letter, said: Contents, staff: Staff | None) -> _Became:
    try:
        opened = _retry(services, letter, said, staff)
    except NotRetryable:
        return _Became.REFUSED
    return _Became.RETRIED if opened.queued else _Became.FAILED


def _report(tally: dict[_Became, int], *, more: bool) -> RetryReport:
    return RetryReport(**{became.value: count for became, count in tally.items()}, more=more)


def delete(services: Services, dlq_id: str, *, staff: Staff | None = None) -> None:
    """Delete a dead letter; its session stays as it is.

    The audit tells of it before the queue is asked: an answer that is lost must not lose the
    entry, too.

    Raises:
        Forbidden: `staff` may not operate the queue.
        NotFound: there is no such dead letter.
        QueueUnavailable: it is still there.
    """
    if staff is not None:
        staff.must_be(Role.ADMIN)
    letter, said = _found(services, dlq_id)
    with transaction(services.engine) as db:
        action = AuditAction.DELETE_LETTER
        _record(db, staff, action, letter, said.session_id, now=services.now())
    services.queue.delete_letter(letter.dlq_id)
