"""Verdicts: one person's word on one insight, never written over what they did not see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline import consenting, golden_case, intake, removal, reviewing
from pipeline.consent import Consents
from pipeline.database import sessions
from pipeline.database.engine import transaction
from pipeline.errors import InvalidInput, NotFound, OutOfDate, TranscriptGone
from pipeline.status import Scope
from pipeline.verdict import Judged, Verdict
from tests.backend.live import eventually
from tests.pipeline.judging import ANN, BEN, finished, must_take, review, run_again, say, take
from tests.world import NOBODYS_ID, World


def judged(world: World, session_id: UUID, insight_id: UUID) -> Judged | None:
    return reviewing.opinions(world.services, ANN, session_id).of(insight_id).mine


@pytest.fixture
def talk(world: World) -> UUID:
    return finished(world)


@pytest.fixture
def insight(world: World, talk: UUID) -> UUID:
    return world.detail(talk).insights[0].id


def test_a_verdict_is_kept_with_better_words_and_a_note(
    world: World, talk: UUID, insight: UUID
) -> None:
    say(world, ANN, insight, Verdict.WRONG, rewrite=" Say it so. ", note="   ")

    held = judged(world, talk, insight)
    assert held is not None
    assert (held.verdict, held.rewrite, held.note) == (Verdict.WRONG, "Say it so.", None)
    assert (held.reviewer, held.version) == (ANN.name, 1)


def test_a_change_names_the_version_that_it_saw(world: World, talk: UUID, insight: UUID) -> None:
    first = say(world, ANN, insight, Verdict.WRONG)
    second = say(world, ANN, insight, Verdict.DUPLICATE, seen=first)

    held = judged(world, talk, insight)
    assert held is not None
    assert (held.verdict, held.version, second) == (Verdict.DUPLICATE, 2, 2)


@pytest.mark.parametrize("seen", [None, 1, 7])
def test_a_verdict_that_was_changed_elsewhere_is_not_written_over(
    world: World, talk: UUID, insight: UUID, seen: int | None
) -> None:
    say(world, ANN, insight, Verdict.WRONG)
    say(world, ANN, insight, Verdict.DUPLICATE, seen=1)

    with pytest.raises(OutOfDate, match="another window"):
        say(world, ANN, insight, Verdict.CORRECT, seen=seen)

    held = judged(world, talk, insight)
    assert held is not None
    assert held.verdict is Verdict.DUPLICATE


def test_a_verdict_that_was_withdrawn_elsewhere_is_not_given_anew(
    world: World, talk: UUID, insight: UUID
) -> None:
    seen = say(world, ANN, insight)
    reviewing.withdraw_verdict(world.services, ANN, insight, seen_version=seen)

    with pytest.raises(OutOfDate, match="another window"):
        say(world, ANN, insight, Verdict.WRONG, seen=seen)

    assert judged(world, talk, insight) is None


def test_a_double_click_is_no_conflict(world: World, insight: UUID) -> None:
    say(world, ANN, insight, Verdict.WRONG, note="no such habit")

    assert say(world, ANN, insight, Verdict.WRONG, note="no such habit") == 1


def test_withdrawing_undoes_a_verdict_and_withdrawing_again_changes_nothing(
    world: World, talk: UUID, insight: UUID
) -> None:
    seen = say(world, ANN, insight)

    for _ in range(2):
        reviewing.withdraw_verdict(world.services, ANN, insight, seen_version=seen)

    assert judged(world, talk, insight) is None


def test_what_was_changed_meanwhile_is_not_withdrawn(
    world: World, talk: UUID, insight: UUID
) -> None:
    seen = say(world, ANN, insight)
    say(world, ANN, insight, Verdict.WRONG, seen=seen)

    with pytest.raises(OutOfDate):
        reviewing.withdraw_verdict(world.services, ANN, insight, seen_version=seen)

    assert judged(world, talk, insight) is not None


def test_each_reviewer_has_a_verdict_of_their_own(world: World, talk: UUID, insight: UUID) -> None:
    say(world, ANN, insight, Verdict.WRONG)
    say(world, BEN, insight, Verdict.CORRECT)

    held = reviewing.opinions(world.with_settings(review_second_percent=0).services, ANN, talk).of(
        insight
    )
    assert held.mine is not None
    assert held.mine.verdict is Verdict.WRONG
    assert [(other.reviewer, other.verdict) for other in held.others] == [
        (BEN.name, Verdict.CORRECT)
    ]


@pytest.mark.parametrize("judge", ["say", "make"])
def test_what_is_judged_while_its_session_is_being_deleted_waits_and_is_refused(
    world: World, talk: UUID, insight: UUID, judge: str
) -> None:
    say(world, ANN, insight, Verdict.WRONG)

    def act() -> None:
        if judge == "say":
            say(world, ANN, insight, Verdict.DUPLICATE, seen=1)
        else:
            golden_case.make(world.services, ANN, insight)

    with ThreadPoolExecutor(1) as pool:
        with transaction(world.services.engine) as db:
            sessions.remove(db, talk)
            judging = pool.submit(act)
            eventually(lambda: somebody_waits(world))
        with pytest.raises(OutOfDate, match="deleted"):
            judging.result()


def somebody_waits(world: World) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with transaction(world.services.engine) as db:
        return bool(db.scalar(text(waiting)))


@pytest.mark.parametrize("seen", [None, 1])
def test_an_insight_that_is_gone_takes_no_verdict(
    world: World, talk: UUID, insight: UUID, seen: int | None
) -> None:
    if seen:
        say(world, ANN, insight)
    removal.delete_session(world.services, talk)

    with pytest.raises(OutOfDate, match="deleted"):
        say(world, ANN, insight, Verdict.WRONG, seen=seen)


def test_an_insight_that_is_not_shown_any_more_takes_no_verdict(
    world: World, talk: UUID, insight: UUID
) -> None:
    run_again(world, talk)

    with pytest.raises(OutOfDate, match="analysed again"):
        say(world, ANN, insight)


def test_an_insight_of_words_that_must_go_once_a_run_ends_takes_no_verdict(
    world: World, talk: UUID, insight: UUID
) -> None:
    intake.rerun(world.services, talk, scope=Scope.ANALYSIS, requested_by="qa")
    consenting.write(world.services, "ann", Consents(transcript_storage=False))

    with pytest.raises(TranscriptGone):
        say(world, ANN, insight, Verdict.WRONG, rewrite="Words of the talk.")


def test_a_text_that_is_too_long_is_refused_and_nothing_is_written(
    world: World, talk: UUID, insight: UUID
) -> None:
    with pytest.raises(InvalidInput, match="note is longer than 2000"):
        say(world, ANN, insight, note="x" * 2001)

    assert judged(world, talk, insight) is None


def test_what_postgres_cannot_store_is_left_out(world: World, talk: UUID, insight: UUID) -> None:
    say(world, ANN, insight, note="a\0b\ud800c")

    held = judged(world, talk, insight)
    assert held is not None
    assert held.note == "abc"


def test_verdicts_are_in_the_audit_without_what_was_written(
    world: World, talk: UUID, insight: UUID
) -> None:
    say(world, ANN, insight, Verdict.WRONG, note="secret words")
    reviewing.withdraw_verdict(world.services, ANN, insight, seen_version=1)

    with transaction(world.services.engine) as db:
        entries = db.execute(text("SELECT * FROM audit_log ORDER BY id")).all()
    assert [(e.actor, e.action, e.session_id) for e in entries] == [(ANN.name, "verdict", talk)] * 2
    assert "secret" not in str(entries)
    assert "wrong" not in str(entries), "the audit would tell a blind reviewer"


def test_opinions_of_no_session_and_of_one_without_results(world: World) -> None:
    with pytest.raises(NotFound):
        reviewing.opinions(world.services, ANN, UUID(NOBODYS_ID))

    assert not reviewing.opinions(world.services, ANN, world.upload()).by_insight


def test_verdicts_stay_hidden_from_whoever_may_be_the_second_reviewer(
    world: World, talk: UUID
) -> None:
    twice = world.with_settings(review_second_percent=100)
    review(twice, ANN, Verdict.WRONG)

    def seen_by_ben() -> list[Verdict]:
        told = reviewing.opinions(twice.services, BEN, talk)
        return [other.verdict for one in told.by_insight.values() for other in one.others]

    assert reviewing.opinions(twice.services, BEN, talk).is_blind
    assert seen_by_ben() == []
    item = must_take(twice, BEN)
    assert item.is_second
    assert all(not one.others for one in item.opinions.by_insight.values())

    review(twice, BEN, Verdict.CORRECT, item=item)

    assert set(seen_by_ben()) == {Verdict.WRONG}
    assert not reviewing.opinions(twice.services, BEN, talk).is_blind


def test_the_first_reviewer_sees_the_second_and_others_see_both_once_both_are_done(
    world: World, talk: UUID
) -> None:
    twice = world.with_settings(review_second_percent=100)
    first = review(twice, ANN)
    assert take(twice, ANN) is None, "nobody reviews a talk twice"
    review(twice, BEN)
    insight = first.detail.insights[0].id
    carl = type(ANN)("carl@example.com", ANN.role)

    assert len(reviewing.opinions(twice.services, ANN, talk).of(insight).others) == 1
    assert len(reviewing.opinions(twice.services, carl, talk).of(insight).others) == 2


def test_where_nothing_is_reviewed_twice_only_the_one_who_holds_it_is_kept_blind(
    world: World, talk: UUID
) -> None:
    once = world.with_settings(review_second_percent=0)
    insight = world.detail(talk).insights[0].id
    say(once, ANN, insight, Verdict.WRONG)
    assert len(reviewing.opinions(once.services, BEN, talk).of(insight).others) == 1

    item = must_take(once, BEN)

    assert item.opinions.is_blind
    assert not item.opinions.of(insight).others
