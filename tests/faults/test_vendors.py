"""Each failure of Whisper and Claude, and of any vendor that refuses or hangs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from local.objects import ObjectsServer
from pipeline.storage import audio_key
from tests.backend.api import Api, open_api, problem
from tests.faults.troubles import (
    A_AWAY,
    A_REFUSED,
    LATE,
    S_AWAY,
    SLOW_DOWN,
    T_AWAY,
    TELLTALE,
    YESTERDAY,
    Outcome,
    ends,
    expected_of,
    outcome,
    rows_of,
    says,
)
from tests.standins import StandIn
from tests.talks import LINES, claude_message, verbose_json
from tests.world import NOWHERE, World

pytestmark = pytest.mark.usefixtures("nothing_of_a_vendor_is_logged")


def claude_says(text: str, **changed: Any) -> dict[str, Any]:
    """An answer in Anthropic's form, to every call."""
    return says(200, claude_message(text, **changed))


WHISPER = {
    "429, 0.2 s": (says(429, retry_after="0.2"), ends(SLOW_DOWN, retry_after="1")),
    "429, yesterday": (says(429, retry_after=YESTERDAY), ends(SLOW_DOWN, retry_after="0")),
    "429, some day": (says(429, retry_after="some day"), ends(SLOW_DOWN)),
    "429, absurd date": (says(429, retry_after=f"Mon, 1 Jan {'9' * 30} 00:00:00"), ends(SLOW_DOWN)),
    "segments without numbers": (says(200, verbose_json(avg_logprob=None)), ends(T_AWAY)),
    "a number that is none": (says(200, verbose_json(start="NaN")), ends(T_AWAY)),
    "words without times": (
        says(200, {**verbose_json(), "words": [{"word": TELLTALE}]}),
        ends(T_AWAY),
    ),
}
CLAUDE: dict[str, tuple[list[dict[str, Any]], Outcome]] = {
    "a refusal": ([claude_says(TELLTALE, stop_reason="refusal")], ends(A_REFUSED)),
    "too long": (
        [claude_says(TELLTALE, stop_reason="model_context_window_exceeded")],
        ends(A_REFUSED),
    ),
    "prose": ([claude_says(TELLTALE)], ends("ANALYSIS_INVALID", calls=2)),
    "cut off": (
        [claude_says('{"insights": [', stop_reason="max_tokens")],
        ends("ANALYSIS_INVALID", calls=2),
    ),
    "an empty object": ([claude_says("{}")], ends("ANALYSIS_INVALID", calls=2)),
    "insights that are none": (
        [claude_says(json.dumps({"insights": 5}))],
        ends("ANALYSIS_INVALID", calls=2),
    ),
    "no content": ([claude_says("", content=[])], ends("ANALYSIS_INVALID", calls=2)),
    "content that is none": ([claude_says("", content=None)], ends(A_AWAY)),
    "no usage": ([claude_says("{}", usage=None)], ends(A_AWAY)),
    "more tokens than a column holds": (
        [claude_says("{}", usage={"input_tokens": 2**40, "output_tokens": 1})],
        ends(A_AWAY),
    ),
    "overloaded in the repair round": (
        [{**claude_says(TELLTALE), "times": 1}, says(529, retry_after="3")],
        ends(A_AWAY, retry_after="3", calls=2),
    ),
}


Rows = dict[str, tuple[Any, Outcome]]


def some_of(rows: Rows) -> Rows:
    """The first that ends in each way: code, advice to the queue, and calls."""
    first: dict[Outcome, str] = {}
    for name, (_, expected) in rows.items():
        first.setdefault(expected, name)
    return {name: rows[name] for name in first.values()}


def all_of(rows: Rows) -> Rows:
    """Each, which `make chaos` has the time for."""
    return rows


chosen_rows = pytest.mark.parametrize(
    "chosen", [some_of, pytest.param(all_of, marks=[pytest.mark.chaos, pytest.mark.timeout(300)])]
)


@chosen_rows
def test_each_failure_of_whisper(api: Api, chosen: Callable[[Rows], Rows]) -> None:
    rows = chosen({**rows_of("whisper"), **WHISPER})

    seen = {name: outcome(api, api.world.whisper, fault) for name, (fault, _) in rows.items()}

    assert seen == expected_of(rows)


@chosen_rows
def test_each_failure_of_claude(api: Api, chosen: Callable[[Rows], Rows]) -> None:
    each: Rows = {
        name: ([fault], expected) for name, (fault, expected) in rows_of("claude").items()
    }
    rows = chosen({**each, **CLAUDE})

    seen = {name: outcome(api, api.world.analyst, *faults) for name, (faults, _) in rows.items()}

    assert seen == expected_of(rows)
    assert len(api.world.whisper.calls()) == len(rows), "each talk was transcribed once"


def test_characters_that_no_column_takes_are_left_out_of_what_vendors_say(api: Api) -> None:
    """Refusing them would ask again, and pay again, for the same answer."""
    lines = tuple(line.replace("hospital", "hos\0pital") for line in LINES)
    api.world.whisper.misbehave(
        says(200, json.dumps(verbose_json(lines)).replace("my ", r"\ud83d"))
    )
    analysis = {
        "insights": [],
        "strengths": [{"text": "Clear\0.", "quote": LINES[0], "segment": 0}],
        "focusNext": "Pause\ud83d more.",
        "summary": "A talk.",
        "intentLabel": "work",
    }
    api.world.analyst.misbehave(claude_says(json.dumps(analysis)))
    session_id = api.world.upload()

    assert api.process(session_id).json() == {"ok": True, "status": "COMPLETED"}

    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert "small hospital" in shown["transcript"]["text"]
    assert shown["focusNext"] == "Pause more."


def test_a_date_to_retry_at_becomes_the_seconds_until_then(api: Api) -> None:
    later = formatdate(time.time() + 90, usegmt=True)

    told = outcome(api, api.world.whisper, says(503, retry_after=later)).retry_after

    assert told is not None
    assert 60 <= int(told) <= 90


@pytest.mark.parametrize(
    ("away", "code"),
    [
        ({"openai_base_url": f"{NOWHERE}/v1"}, T_AWAY),
        ({"anthropic_base_url": NOWHERE}, A_AWAY),
        ({"r2_endpoint_url": NOWHERE}, S_AWAY),
    ],
    ids=["whisper", "claude", "storage"],
)
def test_a_vendor_that_refuses_the_connection_may_come_back(
    api: Api, away: dict[str, str], code: str
) -> None:
    session_id = api.world.upload()
    for other in open_api(api.world.with_settings(**away)):
        assert problem(other.process(session_id)) == (503, code)

    error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
    assert (error["code"], error["retryable"], error["willRetry"]) == (code, True, True)


def test_a_vendor_that_hangs_takes_no_more_than_the_deliverys_time(
    doored: World, storage_door: StandIn, objects: ObjectsServer
) -> None:
    """All four at once, each on a session of its own that has come just so far."""
    world = doored.with_settings(delivery_seconds=3)
    fetching, transcribing, analyzing, deleting = (world.upload() for _ in range(4))
    hang = {"kind": "hang", "times": None}
    for api in open_api(world):
        world.analyst.misbehave(says(529))
        assert api.process(analyzing).status_code == 503
        storage_door.misbehave(
            {**hang, "method": "GET", "path": f"/{objects.bucket}/{audio_key(fetching)}"},
            {**hang, "method": "DELETE", "path": f"/{objects.bucket}/{audio_key(deleting)}"},
        )
        world.analyst.misbehave(hang)
        with ThreadPoolExecutor(4) as pool:
            late = [pool.submit(api.process, session) for session in (fetching, deleting)]
            late.append(pool.submit(api.process, analyzing))
            wait_until_called(world.whisper, 2)
            world.whisper.misbehave(hang)
            late.append(pool.submit(api.process, transcribing))

        assert [problem(answer.result()) for answer in late] == [(503, LATE)] * 4
        for session_id in (fetching, transcribing, analyzing, deleting):
            error = api.client.get(f"/api/sessions/{session_id}").json()["error"]
            assert (error["code"], error["retryable"], error["willRetry"]) == (LATE, True, True)


def wait_until_called(vendor: StandIn, times: int) -> None:
    """Wait for so many calls in all."""
    deadline = time.monotonic() + 30
    while len(vendor.calls()) < times:
        assert time.monotonic() < deadline
        time.sleep(0.02)
