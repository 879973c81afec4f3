"""The list's filters: each finds just what it should, and all that are set must hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline import direct_upload, session_list
from pipeline.criteria import Criteria, ReviewNeed
from pipeline.database import operations
from pipeline.database.base import new_id
from pipeline.database.engine import transaction
from pipeline.database.models import Run
from pipeline.errors import NoSpeech, TranscriptionUnavailable
from pipeline.listed import AudioState
from pipeline.status import Status
from pipeline.sweep import sweep
from tests.rows import ANN, BOB, NOON, add, add_result, insight, review
from tests.talks import tone
from tests.world import World


def announce(world: World, title: str) -> None:
    """A recording that the app says it will send."""
    direct_upload.presign(
        world.services, user_id="ann", title=title, content_type="audio/wav", size_bytes=10
    )


def found(world: World, **criteria: Any) -> list[str]:
    """Titles of what matches, in alphabetical order; all ways to ask must agree."""
    asked = Criteria(**criteria)
    page = session_list.page(world.services, asked)
    assert page.matching == len(page.sessions)
    assert page.is_counted_whole
    assert session_list.matching_ids(world.services, asked) == tuple(r.id for r in page.sessions)
    return sorted(str(row.title) for row in page.sessions)


def test_a_sessions_own_columns_are_filtered(world: World) -> None:
    day = timedelta(days=1)
    add(world, "plain")
    add(world, "failed", status=Status.FAILED, error_code="NO_SPEECH", error_message="Silent.")
    add(world, "test", source="test")
    add(world, "bob's", learner_id="bob")
    add(world, "later", created_at=NOON + day)

    assert found(world, status=Status.FAILED) == ["failed"]
    assert found(world, error_code="NO_SPEECH") == ["failed"]
    assert found(world, error_code="TIMEOUT") == []
    assert found(world, source="test") == ["test"]
    assert found(world, user_id="bob") == ["bob's"]
    assert found(world, user_id="BOB") == []
    assert found(world, created_from=NOON + day) == ["later"]
    assert found(world, created_until=NOON) == []
    assert found(world, created_from=NOON, created_until=NOON + day) == [
        "bob's",
        "failed",
        "plain",
        "test",
    ]
    assert found(world, source="app", user_id="bob") == ["bob's"], "all filters must hold"


def test_the_result_that_is_shown_is_filtered_by_its_figures(world: World) -> None:
    add(world, "no result")
    add_result(world, "good")
    add_result(world, "noisy", suspect_share=0.4)
    add_result(world, "unproven", evidence_share=0.5)
    add_result(world, "no quotes", evidence_share=None)
    add_result(world, "other", model="rules", prompt_version="v1")

    assert found(world, suspect_above=0.3) == ["noisy"]
    assert found(world, suspect_above=0.4) == []
    assert found(world, evidence_below=0.8) == ["unproven"]
    assert found(world, model="rules") == ["other"]
    assert found(world, prompt_version="v1") == ["other"]
    assert found(world, model="claude", prompt_version="v1") == []


def test_category_pattern_and_severity_must_hold_of_one_insight(world: World) -> None:
    add_result(world, "both", insights=(("grammar.tense", "high"), ("vocabulary.fillers", "low")))
    add_result(world, "fillers", insights=(("vocabulary.fillers", "high"),))
    add_result(world, "none")

    assert found(world, category="grammar") == ["both"]
    assert found(world, pattern_key="vocabulary.fillers") == ["both", "fillers"]
    assert found(world, severity="high") == ["both", "fillers"]
    assert found(world, pattern_key="vocabulary.fillers", severity="high") == ["fillers"]
    assert found(world, category="grammar", severity="low") == []


def test_insights_of_a_run_that_is_not_shown_count_for_nothing(world: World) -> None:
    session_id = add_result(world, "talk", insights=(("grammar.tense", "high"),))
    with transaction(world.services.engine) as db:
        other = new_id()
        db.add(
            Run(
                id=other,
                session_id=session_id,
                number=2,
                scope="analysis",
                trigger="manual",
                requested_by=ANN,
                created_at=NOON,
                outcome="superseded",
            )
        )
        db.flush()
        db.add(insight(session_id, other, 0, "structure.order", "high"))

    assert found(world, pattern_key="structure.order") == []
    assert found(world, category="structure") == []


def test_reviews_are_filtered_by_where_they_stand_and_by_whom(world: World) -> None:
    later = world.clock() + timedelta(minutes=5)
    add(world, "not completed")
    add_result(world, "untouched")
    assigned = add_result(world, "assigned", session={"assigned_to": ANN})
    review(world, add_result(world, "done"), ANN, "completed", finished_at=NOON)
    review(world, add_result(world, "in hand"), BOB, "open", locked_until=later)
    review(world, add_result(world, "left"), BOB, "open", locked_until=NOON)
    review(world, add_result(world, "skipped"), ANN, "skipped", reason="bad sound")

    assert found(world, review=ReviewNeed.DONE) == ["done"]
    assert found(world, review=ReviewNeed.IN_HAND) == ["in hand"]
    assert found(world, review=ReviewNeed.NEEDED) == [
        "assigned",
        "in hand",
        "left",
        "skipped",
        "untouched",
    ]
    assert found(world, reviewer=ANN) == ["assigned", "done"]
    assert found(world, reviewer=BOB) == ["in hand", "left"]
    rows = {row.title: row for row in session_list.page(world.services, Criteria()).sessions}
    assert {title: row.review for title, row in rows.items()} == {
        "not completed": None,
        "untouched": ReviewNeed.NEEDED,
        "assigned": ReviewNeed.NEEDED,
        "done": ReviewNeed.DONE,
        "in hand": ReviewNeed.IN_HAND,
        "left": ReviewNeed.NEEDED,
        "skipped": ReviewNeed.NEEDED,
    }
    assert (rows["assigned"].id, rows["assigned"].assigned_to) == (assigned, ANN)


def test_words_are_looked_for_in_transcripts_and_names_in_titles_and_learners(
    world: World,
) -> None:
    add_result(world, "Bridges", said="We built a bridge over the river, um, twice.")
    add_result(world, "100% sure", said="Nothing of the kind.", session={"learner_id": "River-7"})
    add(world, "no transcript")

    assert found(world, words="River BRIDGE") == ["Bridges"], "all words, in any order"
    assert found(world, words="of the") == ["100% sure"]
    assert found(world, words="riv") == [], "whole words"
    assert found(world, words="?!") == [], "no words at all"
    assert found(world, search="river") == ["100% sure"]
    assert found(world, search="bRIDG") == ["Bridges"]
    assert found(world, search="%") == ["100% sure"]
    assert found(world, search="dG") == ["Bridges"], "two letters, too short for the index"
    assert found(world, search="_") == []
    assert found(world, search="'; DROP TABLE sessions; --") == []


def test_audio_held_is_what_was_uploaded_and_not_deleted(world: World) -> None:
    held = world.upload(title="held", audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(held)
    world.complete(title="deleted")
    announce(world, "announced")

    assert found(world, audio_held=True) == ["held"]
    rows = {row.title: row.audio for row in session_list.page(world.services, Criteria()).sessions}
    assert rows == {
        "held": AudioState.HELD,
        "deleted": AudioState.DELETED,
        "announced": AudioState.NONE,
    }


def test_stuck_is_what_the_sweeper_would_go_on_with(world: World) -> None:
    """The queue is nowhere: whatever waits for it stays where it is."""
    world.complete(title="completed")
    world.upload(title="never published")
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}})
    failed = world.upload(title="retry lost")
    with pytest.raises(TranscriptionUnavailable):
        world.deliver(failed)
    announce(world, "abandoned")
    add(world, "worked on", status=Status.UPLOADED, created_at=world.clock())
    assert found(world, stuck=True) == [], "all of it is young"

    world.clock.move(seconds=operations.UNPUBLISHED_AFTER.total_seconds() + 1)
    assert "never published" in found(world, stuck=True)
    world.clock.move(days=1)

    stuck = found(world, stuck=True)
    assert stuck == ["abandoned", "never published", "retry lost"]
    swept = sweep(world.services)
    assert swept.expired == 1
    assert swept.failures == 2, "both wait for the queue"
