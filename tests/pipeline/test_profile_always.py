"""After any sequence of events a profile is what its sessions give, reckoned apart in Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from statistics import median
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pipeline import intake, removal, review
from pipeline.errors import AnalysisUnavailable, TranscriptionUnavailable
from pipeline.session import Insight, SessionDetail
from pipeline.status import Scope, Status
from tests.pipeline.test_profile import CLEAN
from tests.talks import LINES, verbose_json
from tests.world import World

HEDGED = tuple(f"Maybe I think it was kind of fine in year {year}." for year in range(12))
TALKS = (LINES, CLEAN, HEDGED, (*CLEAN, *LINES))
SEVERITIES = ("high", "medium", "low")
LONG = (pytest.mark.long, pytest.mark.timeout(600))
_learners = count()

Expected = dict[str, tuple[Any, ...]]


def reckoned(sessions: Sequence[SessionDetail]) -> Expected:
    """What the profile must say, by the rules of speech.md §6; `sessions` newest first."""
    seen: dict[str, dict[int, list[Insight]]] = defaultdict(lambda: defaultdict(list))
    for recency, session in enumerate(sessions, 1):
        for insight in session.insights:
            seen[insight.pattern_key][recency].append(insight)
    words = [session.transcript.word_count if session.transcript else 0 for session in sessions]
    expected = {}
    for key, by_session in seen.items():
        counts = {recency: occurrences(found) for recency, found in by_session.items()}
        newest = min(by_session[min(by_session)], key=lambda i: SEVERITIES.index(i.severity))
        rates = [1000 * counts.get(i + 1, 0) / words[i] for i in range(len(sessions))]
        expected[key] = (
            len(counts),
            len(sessions),
            sum(counts.values()),
            round(1000 * sum(counts.values()) / sum(words), 6),
            sessions[max(counts) - 1].row.created_at,
            sessions[min(counts) - 1].row.created_at,
            newest.severity,
            trend(rates, min(counts), max(counts)),
        )
    return expected


def occurrences(found: Sequence[Insight]) -> int:
    counted = [insight.counted for insight in found if insight.counted is not None]
    return max(counted) if counted else sum(insight.frequency for insight in found)


def trend(rates: Sequence[float], newest: int, oldest: int) -> str | None:
    if len(rates) < 3:
        return None
    if newest > 3:
        return "resolved"
    if oldest <= (3 if len(rates) > 3 else 1):
        return "new"
    before = median(rates[3:8]) if len(rates) > 3 else 0
    return "improving" if median(rates[:3]) < 0.75 * before else "persisting"


class Learning(RuleBasedStateMachine):
    """One learner's sessions: completed, run again, failed, delivered twice, deleted."""

    sessions = Bundle("sessions")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.user_id = ""

    @initialize()
    def begin(self) -> None:
        self.user_id = f"learner-{next(_learners)}"

    @rule(target=sessions, talk=st.sampled_from(TALKS))
    def complete(self, talk: tuple[str, ...]) -> UUID:
        self.world.says(verbose_json(talk))
        return self.world.complete(self.user_id)

    @rule(session=sessions)
    def run_again(self, session: UUID) -> None:
        intake.rerun(self.world.services, session, scope=Scope.ANALYSIS, requested_by="qa")
        self.world.deliver(session)

    @rule(session=sessions)
    def fail_to_run_again_and_recover(self, session: UUID) -> None:
        before = self.profile()
        intake.rerun(self.world.services, session, scope=Scope.ANALYSIS, requested_by="qa")
        self.world.analyst.misbehave({"kind": "answer", "status": 500, "body": {}, "times": 1})
        with pytest.raises(AnalysisUnavailable):
            self.world.deliver(session)
        assert self.profile() == before, "a failed re-run destroys nothing"
        self.world.deliver(session, retried=1)

    @rule(session=sessions)
    def deliver_again(self, session: UUID) -> None:
        assert self.world.deliver(session).duplicate

    @rule()
    def fail_at_first(self) -> None:
        self.world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}})
        session = self.world.upload(self.user_id)
        with pytest.raises(TranscriptionUnavailable):
            self.world.deliver(session)
        assert self.world.detail(session).row.status is Status.FAILED

    @rule(session=consumes(sessions))
    def delete(self, session: UUID) -> None:
        removal.delete_session(self.world.services, session)

    @invariant()
    def profile_is_what_the_sessions_give(self) -> None:
        if (
            not self.user_id
            or not review.list_sessions(self.world.services, user_id=self.user_id, limit=1).sessions
        ):
            return
        rows = review.list_sessions(self.world.services, user_id=self.user_id, limit=100).sessions
        completed = [self.world.detail(row.id) for row in rows]
        standing = [session for session in completed if session.summary is not None]
        assert self.profile() == reckoned(standing)

    def profile(self) -> Expected:
        standing = review.profile(self.world.services, self.user_id)
        return {
            pattern.pattern_key: (
                pattern.sessions_seen,
                pattern.sessions_total,
                pattern.occurrences,
                round(pattern.rate_per_1000_words or 0, 6),
                pattern.first_seen_at,
                pattern.last_seen_at,
                pattern.last_severity,
                pattern.trend,
            )
            for pattern in standing.patterns
        }


@pytest.mark.parametrize("sequences", [2, pytest.param(20, marks=LONG)])
def test_the_profile_is_what_the_sessions_give_after_any_sequence_of_events(
    world: World, sequences: int
) -> None:
    class Here(Learning):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
