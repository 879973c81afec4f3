"""Each failure of the queue: an upload succeeds all the same."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import QueueUnavailable, RostrumError
from pipeline.schedule import schedule_sweep
from tests.backend.api import Api, open_api
from tests.faults.troubles import (
    LOST,
    SLOW_DOWN,
    TELLTALE,
    TROUBLES,
    says,
)
from tests.standins import StandIn
from tests.world import World

pytestmark = pytest.mark.usefixtures("nothing_of_a_vendor_is_logged")

QUEUE = {
    "no message": says(200, {"messageId": None}),
    "messages of a group": says(200, [{"messageId": "msg_1", "url": TELLTALE}]),
    "answer lost": LOST,
}


def test_each_failure_of_the_queue(world: World, qstash: StandIn) -> None:
    """An upload succeeds all the same, the schedule and readiness say what is wrong."""
    faults = {name: row.fault for name, row in TROUBLES.items()} | QUEUE
    for api in open_api(world.with_settings(qstash_url=qstash.url)):
        seen = {name: queue_outcome(api, qstash, fault) for name, fault in faults.items()}

    assert seen == {name: queue_expected(name) for name in faults}


def queue_expected(name: str) -> dict[str, Any]:
    """All three callers hear the same."""
    row = TROUBLES.get(name)
    slow = row is not None and row.whisper == SLOW_DOWN
    code = SLOW_DOWN if slow else QueueUnavailable.code
    wait = float(row.retry_after) if row and row.retry_after else None
    sentence = "The queue asked us to slow down." if slow else QueueUnavailable.sentence
    return {
        "upload": (201, False, 1),
        "schedule": (code, wait, 1),
        "readyz": sentence,
    }


def queue_outcome(api: Api, qstash: StandIn, fault: dict[str, Any]) -> dict[str, Any]:
    """What an upload, the schedule and readiness make of a fault."""
    qstash.behave()
    qstash.misbehave(fault)
    uploaded = api.upload()
    published = len(qstash.calls())
    with pytest.raises(RostrumError) as raised:
        schedule_sweep(api.services)
    assert TELLTALE not in uploaded.text + repr(raised.value)
    scheduled = len(qstash.calls()) - published
    return {
        "upload": (uploaded.status_code, uploaded.json()["queued"], published),
        "schedule": (raised.value.code, raised.value.retry_after, scheduled),
        "readyz": api.client.get("/readyz").json()["queue"],
    }
