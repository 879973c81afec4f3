"""What a focus is about, and whether it helped: by code, with both figures, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from pipeline import intake, removal, review
from pipeline.finding import Finding
from pipeline.focus import Figure, FollowUp, Spoken, focus_key, follow_up
from pipeline.progress import trends
from pipeline.status import Scope
from tests.pipeline.test_profile import CLEAN
from tests.talks import LINES, verbose_json
from tests.world import World

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def finding(key: str, pattern: str, suggestion: str = "Try it.") -> Finding:
    return Finding(
        category=key.partition(".")[0],
        pattern_key=key,
        pattern=pattern,
        detail="It recurs.",
        frequency=3,
        counted=None,
        severity="high",
        suggestion=suggestion,
        examples=(),
    )


ARTICLES = finding("grammar.articles", "Missing articles", "Put a or the before each noun.")
FILLERS = finding("vocabulary.fillers", "Um and uh", "Close your mouth and breathe.")
OTHER = finding("other", "Long breaths", "Breathe early.")


@pytest.mark.parametrize(
    ("focus", "about"),
    [
        ("Use at most three fillers a minute.", "vocabulary.fillers"),
        ("Say the article before nouns.", "grammar.articles"),
        ("Check each noun before you say it.", "grammar.articles"),
        ("Close your mouth instead.", "vocabulary.fillers"),
        ("Stay below a pace of 150 words a minute.", "pace"),
        ("Do better.", "grammar.articles"),
    ],
)
def test_a_focus_is_about_the_finding_that_it_speaks_of(focus: str, about: str) -> None:
    assert focus_key(focus, [ARTICLES, FILLERS]) == about


def test_without_any_finding_a_focus_is_about_pace_or_about_nothing_that_we_know() -> None:
    assert focus_key("End with one sentence that sums it up.", []) is None
    assert focus_key("Speak slower.", []) == "pace"


def spoken(
    key: str | None = None,
    *,
    occurrences: dict[str, float] | None = None,
    version: str = "2",
    **figures: float,
) -> Spoken:
    return Spoken(
        session_id=uuid4(),
        at=NOW,
        words=500,
        focus="The focus",
        focus_key=key,
        figures={
            name: Figure(name, "per min", value, 120, 160, version)
            for name, value in figures.items()
        },
        occurrences=occurrences or {},
    )


def outcome(last: Spoken, now: Spoken) -> tuple[float, float | None, str] | None:
    told = follow_up(last, now)
    return (told.before, told.now, told.outcome) if told else None


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(6.1, 3.2, "improved"), (6, 5, "same"), (3, 6, "worse"), (0, 0, "same"), (0, 1, "worse")],
)
def test_what_code_measures_is_compared_talk_by_talk(
    before: float, now: float, expected: str
) -> None:
    last = spoken("vocabulary.fillers", fillers_per_minute=before)

    assert outcome(last, spoken(fillers_per_minute=now)) == (before, now, expected)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(190, 150, "improved"), (190, 170, "improved"), (130, 150, "same"), (130, 190, "worse"),
     (90, 95, "same"), (90, 130, "improved")],
)  # fmt: skip
def test_pace_is_better_the_nearer_it_is_to_its_band(
    before: float, now: float, expected: str
) -> None:
    assert outcome(spoken("pace", pace=before), spoken(pace=now)) == (before, now, expected)


def test_what_only_the_analysis_finds_is_compared_by_its_rate() -> None:
    last = spoken("grammar.articles", occurrences={"grammar.articles": 4})

    assert outcome(last, spoken(occurrences={"grammar.articles": 1})) == (8, 2, "improved")
    assert outcome(last, spoken()) == (8, None, "not_seen"), "not found is not a zero"


@pytest.mark.parametrize(
    ("last", "now"),
    [
        (spoken(None, fillers_per_minute=3), spoken(fillers_per_minute=3)),
        (spoken("vocabulary.fillers"), spoken(fillers_per_minute=3)),
        (spoken("vocabulary.fillers", fillers_per_minute=3), spoken()),
        (spoken("vocabulary.fillers", fillers_per_minute=3, version="1"),
         spoken(fillers_per_minute=3)),
        (spoken("other", occurrences={"other": 2}), spoken(occurrences={"other": 1})),
        (spoken("grammar.articles"), spoken()),
    ],
)  # fmt: skip
def test_where_it_cannot_be_told_nothing_is_said(last: Spoken, now: Spoken) -> None:
    assert follow_up(last, now) is None


def told(world: World, session_id: object) -> FollowUp | None:
    return world.detail(session_id).last_focus  # type: ignore[arg-type] # always an id here


def test_a_session_says_what_became_of_the_focus_before_it(world: World) -> None:
    first = world.complete()
    assert told(world, first) is None, "nothing came before"
    assert world.detail(first).focus_key == "vocabulary.fillers"

    world.says(verbose_json(CLEAN))
    second = world.complete()

    found = told(world, second)
    assert found is not None
    assert (found.session_id, found.label, found.outcome) == (first, "Filler words", "improved")
    assert found.before > 0
    assert found.now == 0
    assert told(world, first) is None, "a session looks back only"
    assert review.profile(world.services, "learner-1").focuses == (found,)


def test_a_deleted_or_another_learners_session_is_no_session_before(world: World) -> None:
    world.complete("bob")
    first = world.complete("ann")
    second = world.complete("ann")
    assert told(world, second) is not None

    removal.delete_session(world.services, first)

    assert told(world, second) is None


def test_a_rerun_is_compared_with_the_same_session_before(world: World) -> None:
    first, second = world.complete(), world.complete()
    once = told(world, second)

    intake.rerun(world.services, second, scope=Scope.ANALYSIS, requested_by="qa")
    world.deliver(second)

    assert told(world, second) == once
    assert once is not None
    assert once.session_id == first


def test_metrics_have_trends_from_three_sessions_on(world: World) -> None:
    ids = [world.complete() for _ in range(2)]
    assert review.profile(world.services, "learner-1").trends == ()

    world.says(verbose_json(CLEAN + LINES))
    ids.append(world.complete())

    by_name = {trend.name: trend for trend in review.profile(world.services, "learner-1").trends}
    pace = by_name["pace"]
    assert [point.session_id for point in pace.points] == ids
    assert (pace.low, pace.high) == (120, 160)
    assert pace.own_median == pace.points[0].value
    assert "pauses" not in by_name, "a count says nothing of talks of other lengths"


def test_figures_of_an_older_formula_are_no_part_of_a_trend() -> None:
    sessions = [spoken(pace=130), spoken(pace=140), spoken(pace=150, version="1")]

    assert trends(sessions) == ()
    assert len(trends([spoken(pace=120), *sessions])[0].points) == 3
