"""A learner as staff see them: found by how the id begins, told from three sessions on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from pipeline import consenting, direct_upload, learner, removal, review
from pipeline.consent import Consents
from pipeline.database.engine import transaction
from pipeline.errors import NotFound
from pipeline.staff import Role, Staff
from tests.pipeline.test_profile import CLEAN
from tests.talks import LINES, verbose_json
from tests.world import World

FILLERS = "vocabulary.fillers"
COACH = Staff("coach@example.com", Role.COACH)


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@contextmanager
def once_asked(engine: Engine, of: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something after the first statement that says this."""
    waiting = [act]

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if of in statement and waiting:
            waiting.pop()()

    event.listen(engine, "after_cursor_execute", note)
    yield
    event.remove(engine, "after_cursor_execute", note)
    assert not waiting


def announce(world: World, *user_ids: str) -> None:
    """A session for each, without the cost of a recording."""
    for user_id in user_ids:
        direct_upload.presign(
            world.services, user_id=user_id, content_type="audio/ogg", size_bytes=1000
        )


def audited(world: World) -> list[tuple[str, UUID]]:
    with transaction(world.services.engine) as db:
        rows = db.execute(text("SELECT actor, session_id FROM audit_log ORDER BY id"))
        return [(row.actor, row.session_id) for row in rows]


def test_learners_are_found_by_how_their_id_begins(world: World) -> None:
    announce(world, "ann", "anna", "bob", "an_", "a%")

    def found(beginning: str) -> list[str]:
        return [one.user_id for one in learner.find(world.services, beginning)]

    assert found("ann") == ["ann", "anna"]
    assert found("an_") == ["an_"], "no wildcard"
    assert found("a%") == ["a%"]
    assert found("!") == []
    assert found("nn") == []


def test_those_heard_last_are_offered_first(world: World) -> None:
    announce(world, "ann", "bob", "ann", "cid", "bob")

    assert [one.user_id for one in learner.find(world.services)] == ["bob", "cid", "ann"]


def test_a_search_is_bounded_and_one_more_says_that_there_are_others(world: World) -> None:
    announce(world, *(f"learner-{number:02}" for number in range(learner.MOST_FOUND + 5)))

    assert len(learner.find(world.services, "learner")) == learner.MOST_FOUND + 1
    assert len(learner.find(world.services)) == learner.MOST_FOUND


def test_text_that_no_table_holds_finds_nobody(world: World) -> None:
    announce(world, "ann")

    assert learner.find(world.services, "ann\ud800x") == ()


def test_nothing_is_said_of_trends_below_three_sessions(world: World) -> None:
    for _ in range(2):
        world.complete("ann")

    standing = learner.standing(world.services, "ann")

    assert standing.newest == 2
    assert {course.rates for course in standing.patterns} == {()}
    assert {course.standing.trend for course in standing.patterns} == {None}
    assert standing.profile.trends == ()


def test_from_three_sessions_on_each_pattern_has_its_course(world: World) -> None:
    for lines in (LINES, CLEAN, LINES):
        world.says(verbose_json(lines))
        world.complete("ann")

    standing = learner.standing(world.services, "ann")

    (fillers,) = (c for c in standing.patterns if c.standing.pattern_key == FILLERS)
    first, clean, last = fillers.rates
    assert (first, clean) == (last, 0.0)
    assert first > 0
    assert fillers.standing.sessions_seen == 2


def test_a_focus_is_told_with_what_became_of_it(world: World) -> None:
    first = world.complete("ann")
    world.says(verbose_json(CLEAN))
    second = world.complete("ann")

    newest, before = learner.standing(world.services, "ann").focuses

    assert (newest.session_id, newest.is_newest, newest.became) == (second, True, None)
    assert (before.session_id, before.is_newest) == (first, False)
    assert before.became is not None
    assert before.became.outcome == "improved"


def test_a_learner_without_a_completed_session_is_shown_with_what_is_held(world: World) -> None:
    world.upload("ann")

    standing = learner.standing(world.services, "ann")

    assert (standing.sessions_held, standing.recordings_held) == (1, 1)
    assert standing.profile.sessions_total == 0
    assert standing.patterns == ()
    assert [row.user_id for row in standing.sessions] == ["ann"]


def test_who_is_not_there_or_was_erased_is_not_found(world: World) -> None:
    world.complete("ann")
    removal.erase_learner(world.services, "ann")

    for user_id in ("ann", "nobody"):
        with pytest.raises(NotFound, match="no such learner"):
            learner.standing(world.services, user_id)


def test_evidence_is_the_newest_quotes_each_with_its_session(world: World) -> None:
    made = [world.complete("ann", title=f"talk {number}") for number in range(2)]
    world.complete("bob")

    evidence = learner.evidence(world.services, "ann", FILLERS, staff=COACH)

    assert [shown.session_id for shown in evidence] == made[::-1]
    assert evidence[0].title == "talk 1"
    spoken = " ".join(LINES)
    for shown in evidence:
        assert shown.quotes
        assert all(quote.text in spoken for quote in shown.quotes)


def test_looking_at_evidence_is_in_the_audit_once_a_quarter_of_an_hour(world: World) -> None:
    session_id = world.complete("ann")

    learner.evidence(world.services, "ann", FILLERS, staff=COACH)
    learner.evidence(world.services, "ann", FILLERS, staff=COACH)

    assert audited(world) == [(COACH.name, session_id)], "twice in a row is one look"


def test_evidence_of_a_pattern_that_nobody_showed_is_none(world: World) -> None:
    world.complete("ann")

    assert learner.evidence(world.services, "ann", "grammar.nonsense", staff=COACH) == ()
    assert learner.evidence(world.services, "nobody", FILLERS, staff=COACH) == ()
    assert audited(world) == []


def test_the_number_of_statements_is_the_same_for_one_session_and_for_two(world: World) -> None:
    def statements() -> int:
        with counted_statements(world.services.engine) as seen:
            learner.standing(world.services, "ann")
        return len(seen)

    world.complete("ann")
    of_one = statements()
    world.complete("ann")

    assert statements() == of_one
    assert of_one <= 7


def test_an_export_is_of_one_moment_whatever_is_written_meanwhile(world: World) -> None:
    _, deleted = world.complete("ann"), world.complete("ann")

    def meanwhile() -> None:
        removal.delete_session(world.services, deleted)
        consenting.write(world.services, "ann", Consents(pattern_tracking=False))

    with once_asked(world.services.engine, "count(*) AS sessions", meanwhile):
        exported = review.export_learner(world.services, "ann", staff=COACH)

    assert exported["profile"]["sessionsTotal"] == len(exported["sessions"]) == 2
    assert exported["profile"]["tracking"] is exported["consents"]["patternTracking"] is True
    assert len(review.export_learner(world.services, "ann")["sessions"]) == 1
