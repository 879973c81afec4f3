"""One trace over upload, queue, delivery, stages and vendors; nothing at all while it is off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import SecretStr

from tests.backend.api import open_api
from tests.backend.live import eventually, running_backend
from tests.collector import Collector, running_collector
from tests.local.destination import Reply, running_destination
from tests.pipeline.test_notify import APP, SECRET
from tests.standins import StandIn
from tests.talks import LINES
from tests.world import World

OUR_SPANS = {
    "POST /api/sessions": None,
    "storage put": "POST /api/sessions",
    "queue publish": "POST /api/sessions",
    "POST /api/internal/process": "queue publish",
    "delivery": "POST /api/internal/process",
    "stage downloading": "delivery",
    "storage fetch": "stage downloading",
    "stage transcribing": "delivery",
    "whisper transcribe": "stage transcribing",
    "stage deleting_audio": "delivery",
    "storage delete": "stage deleting_audio",
    "stage analyzing": "delivery",
    "claude messages": "stage analyzing",
    "stage storing": "delivery",
    "app notice": "delivery",
}
"""Each step and what it is a step of."""
LONG = 6
"""Shorter words of a talk may stand in names of steps, too."""


def test_upload_queue_delivery_stages_and_vendors_are_one_trace(
    world: World, qstash: StandIn, tmp_path: Path
) -> None:
    with running_collector() as collector, running_destination() as app:
        traced = world.with_settings(
            qstash_url=qstash.url,
            otel_exporter_otlp_endpoint=collector.url,
            notify_url=f"{app.url}{APP}",
            notify_secret=SECRET,
        )
        with running_backend(
            traced.services.settings, tmp_path / "log", OTEL_BSP_SCHEDULE_DELAY="200"
        ) as live:
            session_id = live.upload(user_id="Zebulon").json()["id"]
            spans = eventually(lambda: _all_of(collector))
            lines = live.lines()

    assert len({span.trace_id for span in spans.values()}) == 1
    names = {span.span_id: name for name, span in spans.items()}
    assert {name: names.get(span.parent_span_id) for name, span in spans.items()} == OUR_SPANS
    told = {item.key: item.value for item in spans["delivery"].attributes}
    assert told["rostrum.session"].string_value == session_id
    trace = spans["delivery"].trace_id.hex()
    assert {line["trace"] for line in lines if line["event"] == "session_completed"} == {trace}
    _assert_nothing_private(collector, traced)


def _all_of(collector: Collector) -> dict[str, Span] | None:
    spans = collector.spans()
    return spans if OUR_SPANS.keys() <= spans.keys() else None


def _assert_nothing_private(collector: Collector, traced: World) -> None:
    sent = b"".join(collector.received)
    secrets = [value for _, value in traced.services.settings if isinstance(value, SecretStr)]
    private = ["Zebulon", "learner-1", "http://", *(key.get_secret_value() for key in secrets)]
    private += [word for line in LINES for word in line.split() if len(word) > LONG]
    for word in private:
        assert word.encode() not in sent, word


def test_a_step_that_fails_says_its_code_and_no_message(world: World) -> None:
    answer = {"kind": "answer", "status": 500, "body": "hospital", "times": None}
    world.whisper.misbehave(answer)
    with running_collector() as collector:
        traced = world.with_settings(otel_exporter_otlp_endpoint=collector.url)
        for api in open_api(traced):
            session_id = api.world.upload()
            assert api.process(session_id).status_code == 503

    failed = collector.spans()["whisper transcribe"]
    told = {item.key: item.value.string_value for item in failed.attributes}
    assert told["error.type"] == "TRANSCRIPTION_UNAVAILABLE"
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert failed.status.message == ""
    assert not failed.events
    assert b"hospital" not in b"".join(collector.received)


def test_an_app_that_does_not_take_its_notice_is_a_failed_step_of_a_delivery_that_is_none(
    world: World,
) -> None:
    with running_collector() as collector, running_destination() as app:
        app.reply(Reply(503, body=b"hospital"))
        traced = world.with_settings(
            otel_exporter_otlp_endpoint=collector.url,
            notify_url=f"{app.url}{APP}",
            notify_secret=SECRET,
        )
        for api in open_api(traced):
            assert api.process(api.world.upload()).status_code == 200

    spans = collector.spans()
    told = {item.key: item.value.string_value for item in spans["app notice"].attributes}
    assert (told["error.type"], told["rostrum.reason"]) == ("NOT_TOLD", "HTTP 503")
    assert spans["app notice"].status.code == Status.STATUS_CODE_ERROR
    assert spans["delivery"].status.code == Status.STATUS_CODE_UNSET
    assert b"hospital" not in b"".join(collector.received)


@pytest.mark.parametrize(
    ("work", "forbidden"),
    [
        ("import pipeline.process, pipeline.sweep, pipeline.review", "opentelemetry"),
        # FastAPI imports the interfaces for itself; what costs is the SDK and the exporter.
        ("import backend.app; backend.app.create_app()", "opentelemetry.sdk"),
        ("import backend.app; backend.app.create_app()", "opentelemetry.exporter"),
    ],
)
def test_nothing_of_it_is_loaded_while_it_is_off(work: str, forbidden: str) -> None:
    asked = (
        f"{work}\nimport sys\nprint(sorted(m for m in sys.modules if m.startswith({forbidden!r})))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_delivery_takes_part_in_no_trace_while_it_is_off(world: World) -> None:
    for api in open_api(world):
        session_id = api.world.upload()
        answer = api.process(session_id, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})

    assert answer.status_code == 200
