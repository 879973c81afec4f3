"""Every refusal of a vendor becomes one of our errors, asked for once."""

from __future__ import annotations

import pytest

from pipeline.errors import (
    AnalysisRejected,
    AnalysisUnavailable,
    RateLimited,
    RostrumError,
    TimedOut,
    TranscriptionRejected,
    TranscriptionUnavailable,
)
from tests.pipeline.test_process import answer, fault
from tests.talks import verbose_json
from tests.world import World


@pytest.mark.parametrize(
    ("status", "headers", "error", "retry_after"),
    [
        (400, {}, TranscriptionRejected, None),
        (413, {}, TranscriptionRejected, None),
        (401, {}, TranscriptionUnavailable, None),
        (404, {}, TranscriptionUnavailable, None),
        (408, {}, TimedOut, None),
        (429, {"retry-after": "7"}, RateLimited, 7.0),
        (429, {}, RateLimited, None),
        (500, {}, TranscriptionUnavailable, None),
        (503, {"retry-after": "11"}, TranscriptionUnavailable, 11.0),
    ],
)
def test_whispers_answers_become_our_errors(
    world: World,
    status: int,
    headers: dict[str, str],
    error: type[RostrumError],
    retry_after: float | None,
) -> None:
    world.whisper.misbehave(answer(status, headers=headers, times=None))

    assert fault(world, error).retry_after == retry_after
    assert len(world.whisper.calls()) == 1, "the SDK's own retries would multiply with the queue's"


@pytest.mark.parametrize(
    ("status", "headers", "error", "retry_after"),
    [
        (400, {}, AnalysisRejected, None),
        (413, {}, AnalysisRejected, None),
        (401, {}, AnalysisUnavailable, None),
        (429, {"retry-after": "7"}, RateLimited, 7.0),
        (500, {}, AnalysisUnavailable, None),
        (529, {"retry-after": "3"}, AnalysisUnavailable, 3.0),
    ],
)
def test_claudes_answers_become_our_errors(
    world: World,
    status: int,
    headers: dict[str, str],
    error: type[RostrumError],
    retry_after: float | None,
) -> None:
    world.analyst.misbehave(answer(status, headers=headers, times=None))

    assert fault(world, error).retry_after == retry_after
    assert len(world.analyst.calls()) == 1, "the SDK's own retries would multiply with the queue's"


@pytest.mark.parametrize("kind", ["cut"])
def test_a_connection_that_is_cut_can_be_retried(world: World, kind: str) -> None:
    world.whisper.misbehave({"kind": kind, "times": 1})
    fault(world, TranscriptionUnavailable)
    world.says(verbose_json())
    world.analyst.misbehave({"kind": kind, "times": 1})
    fault(world, AnalysisUnavailable)


def test_an_answer_that_is_not_json_can_be_retried(world: World) -> None:
    world.whisper.misbehave(answer(200, body="<html>", times=1))
    fault(world, TranscriptionUnavailable)
    world.says(verbose_json())
    world.analyst.misbehave(answer(200, body="<html>", times=1))
    fault(world, AnalysisUnavailable)
