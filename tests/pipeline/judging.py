"""Reviewers and what they do, for the tests of reviews, golden cases and quality."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import true

from pipeline import intake, reviewing
from pipeline.database import sessions, summaries
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.database.models import Insight, Run, StoredAnalysis, StoredTranscript
from pipeline.database.stored import to_json
from pipeline.reviewing import Item
from pipeline.speech.quotes import LocatedQuote, locate
from pipeline.speech.transcript import Segment, Transcript
from pipeline.staff import Role, Staff
from pipeline.status import Outcome, Scope, Status, Trigger
from pipeline.verdict import Rule, Verdict
from tests.world import World

ANN = Staff("ann@example.com", Role.COACH)
BEN = Staff("ben@example.com", Role.COACH)
CAT = Staff("cat@example.com", Role.QA)


def say(
    world: World,
    staff: Staff,
    insight_id: UUID,
    verdict: Verdict = Verdict.CORRECT,
    *,
    rewrite: str | None = None,
    note: str | None = None,
    seen: int | None = None,
) -> int:
    """Give one verdict."""
    return reviewing.save_verdict(
        world.services,
        staff,
        insight_id,
        verdict=verdict,
        rewrite=rewrite,
        note=note,
        seen_version=seen,
    )


def take(world: World, staff: Staff, rule: Rule | None = None) -> Item | None:
    """Take the next run, if there is one."""
    return reviewing.next_item(world.services, staff, rule or Rule())


def must_take(world: World, staff: Staff, rule: Rule | None = None) -> Item:
    """Take the next run, which must be there."""
    item = take(world, staff, rule)
    assert item is not None
    return item


def review(world: World, staff: Staff, *verdicts: Verdict, item: Item | None = None) -> Item:
    """Take a run, judge all of its insights, the last verdict for all that follow, and finish."""
    item = item or must_take(world, staff)
    given = verdicts or (Verdict.CORRECT,)
    for number, insight_id in enumerate(item.unjudged):
        say(world, staff, insight_id, given[min(number, len(given) - 1)])
    reviewing.complete(world.services, staff, item.hand.review_id)
    return item


def run_again(world: World, session_id: UUID) -> None:
    """Analyse a session anew, to the end."""
    run_id = intake.rerun(world.services, session_id, scope=Scope.ANALYSIS, requested_by="somebody")
    world.deliver(session_id, run_id=run_id)


HABITS = ("grammar.articles", "vocabulary.fillers", "vocabulary.hedging")
"""What is found in a talk of `finished`, one insight each."""
SAID = (
    "So um we had an old system and um it was very slow",
    "I think maybe we need new system for whole hospital",
    "The team was happy and I think they learned it quickly",
)


def finished(
    world: World,
    *,
    prompt_version: str = "v2-0",
    model: str = "claude-x",
    habits: tuple[str, ...] = HABITS,
    learner_id: str = "ann",
) -> UUID:
    """A completed talk, written into the tables as a run leaves it, without the minutes of one."""
    session_id, run_id, transcript_id = new_id(), new_id(), new_id()
    now = world.clock()
    transcript = Transcript(
        tuple(Segment(n, line, suspect=n == 1) for n, line in enumerate(SAID)),
        "en",
        20.0,
        "whisper",
    )
    quotes = [locate(line, transcript) for line in SAID]
    with transaction(world.services.engine) as db:
        sessions.add_session(
            db,
            session_id=session_id,
            learner_id=learner_id,
            title="A talk",
            language="en",
            source="app",
            audio={},
            actor="test",
            now=now,
        )
        db.add(
            Run(
                id=run_id,
                session_id=session_id,
                number=1,
                scope=Scope.FULL,
                trigger=Trigger.UPLOAD,
                requested_by="test",
                created_at=now,
                finished_at=now,
                attempts=1,
                outcome=Outcome.COMPLETED,
                transcript_id=transcript_id,
            )
        )
        db.flush()
        db.add(
            StoredTranscript(
                id=transcript_id,
                session_id=session_id,
                run_id=run_id,
                text=transcript.text,
                word_count=33,
                language="en",
                duration_seconds=20.0,
                engine="whisper",
                segments=to_json(Segment, transcript.segments),
                silences=[],
                created_at=now,
            )
        )
        db.add(
            StoredAnalysis(
                run_id=run_id,
                summary="A talk about a system.",
                focus_next="Fewer fillers.",
                intent_label="A talk about work",
                strengths=[],
                findings=[],
                dropped=[],
                model=model,
                prompt_version=prompt_version,
                schema_version="1",
                input_tokens=1000,
                output_tokens=200,
                cache_read_tokens=300,
                cache_write_tokens=0,
                cost_usd=Decimal("0.002"),
                created_at=now,
            )
        )
        for position, key in enumerate(habits):
            quote = quotes[position % len(quotes)]
            assert quote is not None
            db.add(
                Insight(
                    run_id=run_id,
                    session_id=session_id,
                    position=position,
                    category=key.partition(".")[0],
                    pattern_key=key,
                    pattern=f"Habit {position}",
                    detail="It happens.",
                    frequency=2,
                    severity="medium",
                    suggestion="Do it less.",
                    examples=to_json(LocatedQuote, [quote]),
                )
            )
        moved = {"run_id": run_id, "result_run_id": run_id, "completed_at": now}
        for status in (Status.UPLOADED, Status.PROCESSING, Status.COMPLETED):
            sessions.change_status(
                db, session_id, status, only_if=true(), actor="test", now=now, values=moved
            )
        summaries.refresh(db, session_id)
    return session_id
