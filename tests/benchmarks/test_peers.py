"""The comparison with other engines is fair: their steps leave what a delivery of ours leaves."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.peers.job import Job
from benchmarks.peers.steps import Steps
from pipeline import review
from tests.world import World


def test_the_peers_steps_leave_what_a_delivery_leaves(world: World, tmp_path: Path) -> None:
    ours = world.complete("ann")
    theirs = world.upload("ben")

    run_steps(world, theirs, "ben", tmp_path)

    assert result(world, theirs) == result(world, ours)
    assert patterns(world, "ben") == patterns(world, "ann") != []
    assert not world.is_stored(theirs)
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_repeated_changes_nothing(world: World, tmp_path: Path) -> None:
    session_id = world.upload("ben")
    job, transcript = run_steps(world, session_id, "ben", tmp_path)
    before = world.detail(session_id)

    with closing(Steps.on(world.services.settings, tmp_path, at_once=1)) as steps:
        steps.store_transcript(job, transcript)
        steps.delete_audio(job)
        steps.analyse(job, transcript)

        assert steps.stored_transcript(job) == transcript
    assert world.detail(session_id) == before


def run_steps(
    world: World, session_id: UUID, user_id: str, folder: Path
) -> tuple[Job, dict[str, Any]]:
    (run,) = world.detail(session_id).runs
    job = Job(str(session_id), str(run.id), user_id)
    with closing(Steps.on(world.services.settings, folder, at_once=1)) as steps:
        steps.fetch(job)
        transcript = steps.transcribe(job)
        steps.store_transcript(job, transcript)
        steps.delete_audio(job)
        steps.analyse(job, transcript)
    return job, transcript


def result(world: World, session_id: UUID) -> dict[str, Any]:
    """All that is found of a session, without ids and times."""
    shown = world.detail(session_id)
    (run,) = shown.runs
    return {
        "transcript": shown.transcript,
        "analysis": (shown.summary, shown.focus_next, shown.focus_key, shown.intent_label),
        "strengths": shown.strengths,
        "insights": [replace(insight, id=UUID(int=0)) for insight in shown.insights],
        "metrics": (shown.metrics, shown.metrics_note),
        "ends": (shown.row.status, shown.row.audio_held, run.outcome, run.attempts),
        "claude": (run.model, run.prompt_version, run.cost_usd, run.input_tokens, run.dropped),
    }


def patterns(world: World, user_id: str) -> list[dict[str, Any]]:
    """What a learner's profile says, without its times."""
    times = {"first_seen_at", "last_seen_at"}
    return [
        {name: value for name, value in asdict(one).items() if name not in times}
        for one in review.profile(world.services, user_id).patterns
    ]
