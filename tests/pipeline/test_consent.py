"""What each consent stops, in the transaction that would do it, and how an erasure is told of."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline import (
    consenting,
    figures,
    golden_case,
    intake,
    learner,
    removal,
    review,
    reviewing,
    session_list,
)
from pipeline.consent import Consents, Removal
from pipeline.criteria import Criteria, ReviewNeed
from pipeline.database import letters, summaries
from pipeline.database.engine import transaction
from pipeline.dead_letter import hindrance
from pipeline.errors import (
    AnalysisRejected,
    Forbidden,
    OutOfDate,
    StorageUnavailable,
    TranscriptGone,
)
from pipeline.letter import Contents, Purpose
from pipeline.queue import RETRIES
from pipeline.review import Format
from pipeline.staff import Role, Staff
from pipeline.status import Scope, Status
from pipeline.sweep import sweep
from pipeline.verdict import Verdict
from tests.answers import message
from tests.pipeline.failed import silent, unread
from tests.pipeline.judging import ANN, BEN, must_take, say, take
from tests.rows import statements
from tests.talks import LINES
from tests.verbatim import quotes, verbatim
from tests.world import NOWHERE, World

LEARNER = "learner-1"
ADMIN = Staff("boss@example.com", Role.ADMIN)
NO_AUDIO = Consents(audio_storage=False)
NO_WORDS = Consents(transcript_storage=False)
NO_TRACKING = Consents(pattern_tracking=False)
QUOTING = (
    "You said “it was very slow, and people were very unhappy” and 'it was very useful'. "
    'On 5" paper: “we tested it”'
)
WORDLESS = "You said “…” and “…”. On 5“…”"
"""A mark that is never closed takes the rest with it."""


def agree(world: World, consents: Consents) -> None:
    consenting.write(world.services, LEARNER, consents)


def quoting(world: World) -> None:
    """The model repeats what was said in whatever it writes itself."""
    fault = message("valid")
    said = json.loads(fault["body"]["content"][0]["text"])
    for insight in said["insights"]:
        insight.update(pattern=QUOTING[:57], detail=QUOTING, suggestion=QUOTING)
    said["insights"][0]["examples"].append({"quote": "we had an old car", "segment": 1})
    said["strengths"][0]["text"] = QUOTING
    said["strengths"].append({"text": QUOTING, "quote": "never said like this", "segment": 0})
    said.update(summary=QUOTING, focusNext=QUOTING, intentLabel="A “work in a small hospital” talk")
    fault["body"]["content"][0]["text"] = json.dumps(said)
    world.analyst.misbehave({**fault, "times": None})


def shown_of(world: World, session_id: UUID) -> list[Any]:
    """All that people and programs are shown of a session."""
    reports = [review.export_session(world.services, session_id, format_) for format_ in Format]
    return [*reports, review.export_learner(world.services, LEARNER)]


def audited(world: World, action: str) -> list[Any]:
    entries = text(
        "SELECT actor, learner_id, reason, detail FROM audit_log WHERE action = :action ORDER BY id"
    )
    with transaction(world.services.engine) as db:
        return [tuple(row) for row in db.execute(entries, {"action": action})]


def test_without_their_storage_no_word_outlives_the_run_that_needs_it(world: World) -> None:
    quoting(world)
    agree(world, NO_WORDS)

    session_id = world.complete()

    assert verbatim(world) == set()
    shown = world.detail(session_id)
    assert shown.row.status is Status.COMPLETED
    assert shown.transcript is None
    assert shown.row.transcript_removed_at is not None
    assert shown.row.transcript_removed_because is Removal.CONSENT
    assert shown.row.word_count == 101
    assert (shown.summary, shown.intent_label) == (WORDLESS, None)
    assert [(i.examples, i.places, i.suggestion) for i in shown.insights] == [
        ((), 2, WORDLESS),
        ((), 2, WORDLESS),
    ]
    assert [strength.quote for strength in shown.strengths] == [None]
    assert len(shown.dropped) == 2
    assert shown.metrics
    assert all(not metric.moments for metric in shown.metrics)
    assert review.profile(world.services, LEARNER).patterns
    with pytest.raises(TranscriptGone):
        intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    for wanted in (Format.MARKDOWN, Format.HTML):
        told = review.export_session(world.services, session_id, wanted).replace("\\", "")
        assert "not kept, as you wished" in told
    whole = json.loads(review.export_session(world.services, session_id, Format.JSON))
    assert whole["transcript"] is None
    held = review.export_learner(world.services, LEARNER)
    assert held["consents"]["transcriptStorage"] is False


def test_what_is_counted_of_a_talk_stays_the_same_without_its_words(world: World) -> None:
    kept, wordless = world.complete("someone"), world.complete()
    line = text(
        "SELECT words, words_per_minute, suspect_share, evidence_share, high, medium, low"
        " FROM result_summaries WHERE session_id = :session"
    )
    agree(world, NO_WORDS)
    first = world.detail(wordless).runs[0]
    with transaction(world.services.engine) as db:
        summaries.refresh(db, wordless)
    with transaction(world.services.engine) as db:
        lines = [db.execute(line, {"session": id_}).one() for id_ in (kept, wordless)]

    assert lines[0] == lines[1]
    assert first.dropped == tuple(
        type(one)(one.kind, one.name, one.reason, {}) for one in world.detail(kept).runs[0].dropped
    )
    other, mine = world.detail(kept), world.detail(wordless)
    assert [i.is_single_observation for i in mine.insights] == [
        i.is_single_observation for i in other.insights
    ]
    assert [(m.name, m.value) for m in mine.metrics] == [(m.name, m.value) for m in other.metrics]


def test_turning_their_storage_off_takes_the_words_of_all_finished_talks_at_once(
    world: World,
) -> None:
    quoting(world)
    bobs = world.complete("bob")
    first, second = world.complete(), world.complete()
    unread(world)
    insight = world.detail(first).insights[0].id
    note = "They say “we made a plan, you know” twice."
    say(world, ANN, insight, Verdict.WRONG, rewrite=QUOTING, note=note)
    golden_case.make(world.services, ANN, insight)
    item = must_take(world, ANN)
    for unjudged in item.unjudged:
        say(world, ANN, unjudged, Verdict.CORRECT)
    reviewing.complete(world.services, ANN, item.hand.review_id, note=QUOTING)
    assert must_take(world, BEN).detail.row.user_id == LEARNER
    assert {table for table, _ in verbatim(world)} == {
        "transcripts",
        "analyses",
        "insights",
        "verdicts",
        "reviews",
        "golden_cases",
        "pattern_profiles",
    }

    with statements(world.services.engine) as asked:
        agree(world, NO_WORDS)

    assert sum("UPDATE transcripts" in statement for statement in asked) == 1
    removal.delete_session(world.services, bobs)
    assert verbatim(world) == set()
    for session_id in (first, second):
        shown = world.detail(session_id)
        assert (shown.transcript, shown.row.transcript_removed_because) == (None, Removal.CONSENT)
    # A review that was open is put back; nothing of theirs waits for one any more.
    assert reviewing.item_in_hand(world.services, BEN) is None
    assert take(world, BEN) is None
    needed = session_list.page(world.services, Criteria(review=ReviewNeed.NEEDED))
    assert needed.sessions == ()
    with pytest.raises(TranscriptGone):
        say(world, BEN, insight, Verdict.CORRECT)
    with pytest.raises(OutOfDate):
        golden_case.make(world.services, ANN, insight)


def test_words_are_held_while_a_retry_needs_them_and_not_longer(world: World) -> None:
    agree(world, NO_WORDS)
    again = unread(world, retried=0)
    assert verbatim(world)
    calls = len(world.whisper.calls())

    world.deliver(again, retried=1)

    assert len(world.whisper.calls()) == calls, "it is not paid for twice"
    assert world.detail(again).row.status is Status.COMPLETED
    assert verbatim(world) == set()


def test_words_that_a_run_needs_still_are_shown_and_found_only_where_it_is_agreed_to(
    world: World,
) -> None:
    session_id = unread(world, retried=0)

    def is_seen() -> tuple[bool, bool]:
        found = session_list.page(world.services, Criteria(words=LINES[0])).sessions
        return quotes(shown_of(world, session_id)), bool(found)

    assert is_seen() == (True, True)
    agree(world, NO_WORDS)
    assert is_seen() == (False, False)
    assert world.detail(session_id).withholds_words
    assert "as you wished" in shown_of(world, session_id)[0]
    agree(world, Consents())
    assert is_seen() == (True, True)


def test_words_of_a_run_that_is_given_up_go_with_it(world: World) -> None:
    agree(world, NO_WORDS)
    session_id = unread(world, retried=RETRIES)

    assert verbatim(world) == set()
    assert world.detail(session_id).row.transcript_removed_because is Removal.CONSENT
    with pytest.raises(TranscriptGone):
        intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    assert figures.rerunnable(world.services, "ANALYSIS_UNAVAILABLE") == ()
    letter = Contents(Purpose.PROCESS, session_id, run_id=None, code=None, deliveries=4)
    with transaction(world.services.engine) as db:
        standing = letters.standings(db, [session_id])[session_id]
    assert hindrance(letter, standing, now=world.clock()) == TranscriptGone.sentence


def test_a_rerun_that_waits_keeps_the_words_that_it_needs_until_it_ends(world: World) -> None:
    quoting(world)
    session_id = world.complete()
    insight = world.detail(session_id).insights[0]
    must_take(world, BEN)
    intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    agree(world, NO_WORDS)
    assert {table for table, _ in verbatim(world)} == {"transcripts"}
    assert not quotes(shown_of(world, session_id))
    assert learner.evidence(world.services, LEARNER, insight.pattern_key, staff=ADMIN) == ()
    assert reviewing.item_in_hand(world.services, BEN) is None
    with pytest.raises(OutOfDate):
        golden_case.make(world.services, ANN, insight.id)

    world.analyst.behave()
    world.analyst.misbehave({**message("refusal"), "times": 2})
    with pytest.raises(AnalysisRejected):
        world.deliver(session_id)

    assert verbatim(world) == set()
    assert world.detail(session_id).insights, "the results of the run before are shown still"


def test_without_its_storage_a_recording_goes_with_the_run_that_is_given_up(world: World) -> None:
    agree(world, NO_AUDIO)
    session_id = silent(world)

    assert not world.is_stored(session_id)
    assert world.detail(session_id).row.audio_deleted_at is not None


def test_a_recording_that_could_not_go_is_overdue_at_once(world: World) -> None:
    agree(world, NO_AUDIO)
    session_id = world.upload()
    with pytest.raises(StorageUnavailable):
        world.with_settings(r2_endpoint_url=NOWHERE).deliver(session_id, retried=RETRIES)
    assert world.is_stored(session_id)

    assert sweep(world.services).audio_deleted == 1
    assert not world.is_stored(session_id)


def test_turning_its_storage_off_makes_what_is_kept_overdue_now(world: World) -> None:
    session_id = silent(world)
    assert sweep(world.services).audio_deleted == 0
    assert world.is_stored(session_id), "a day is left for a re-run"

    agree(world, NO_AUDIO)

    assert sweep(world.services).audio_deleted == 1
    assert not world.is_stored(session_id)


def test_without_tracking_nothing_is_told_over_talks_until_it_is_agreed_to_again(
    world: World,
) -> None:
    ids = [world.complete() for _ in range(3)]
    before = review.profile(world.services, LEARNER)
    assert before.patterns
    assert before.focuses
    assert before.trends

    agree(world, NO_TRACKING)

    def tracked() -> tuple[Any, ...]:
        profile = review.profile(world.services, LEARNER)
        standing = learner.standing(world.services, LEARNER)
        shown = learner.evidence(
            world.services, LEARNER, before.patterns[0].pattern_key, staff=ADMIN
        )
        with transaction(world.services.engine) as db:
            rows = db.scalar(text("SELECT count(*) FROM pattern_profiles"))
        return (
            rows,
            profile.patterns,
            profile.focuses,
            profile.trends,
            standing.patterns,
            standing.focuses,
            shown,
            world.detail(ids[-1]).last_focus,
        )

    nothing = (0, (), (), (), (), (), (), None)
    assert tracked() == nothing
    assert not review.profile(world.services, LEARNER).tracking
    assert review.profile(world.services, LEARNER).sessions_total == 3
    removal.delete_session(world.services, world.complete())
    assert tracked() == nothing, "neither a completion nor a deletion brings it back"

    agree(world, Consents())

    assert review.profile(world.services, LEARNER) == before
    assert world.detail(ids[-1]).last_focus is not None


def test_only_admins_change_consents_and_the_audit_names_what_changed(world: World) -> None:
    with pytest.raises(Forbidden):
        consenting.write(world.services, "new", NO_WORDS, staff=Staff("qa@x.org", Role.QA))

    for _ in range(2):
        consenting.write(world.services, "new", NO_WORDS, staff=ADMIN, reason="by phone")

    held = consenting.read(world.services, "new")
    assert held.consents == NO_WORDS
    assert held.changed_at is not None
    assert audited(world, "consent") == [
        (ADMIN.name, "new", "by phone", {"transcript_storage": False})
    ]


def test_words_that_another_release_left_are_the_sweepers(world: World) -> None:
    session_id = world.complete()
    with transaction(world.services.engine) as db:
        db.execute(text("UPDATE learners SET consent_transcript_storage = false"))

    assert sweep(world.services).words_removed == 1
    assert world.detail(session_id).row.transcript_removed_because is Removal.CONSENT


@pytest.mark.parametrize("staff", [None, ADMIN])
def test_an_erasure_leaves_a_receipt_with_its_counts_and_no_words(
    world: World, staff: Staff | None
) -> None:
    done, held = world.complete(), silent(world)
    insights = world.detail(done).insights
    say(world, ANN, insights[0].id, Verdict.WRONG)
    golden_case.make(world.services, ANN, insights[0].id)
    assert world.is_stored(held)

    receipt = removal.erase_learner(world.services, LEARNER, staff=staff, reason="asked by letter")

    assert receipt.user_id == LEARNER
    assert receipt.counts["insights"] == len(insights)
    wanted = {"sessions": 2, "recordings": 1, "transcripts": 1, "verdicts": 1, "golden_cases": 1}
    assert {name: receipt.counts[name] for name in wanted} == wanted
    assert verbatim(world) == set()
    (entry,) = audited(world, "erase")
    assert entry == (
        staff.name if staff else "app",
        LEARNER,
        "asked by letter",
        {"receipt": str(receipt.id), **receipt.counts},
    )
