"""The company's app is told of each end by a message that it can verify; private places are not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from pipeline import intake, notify
from pipeline.errors import NoSpeech, TranscriptionUnavailable
from pipeline.notify import NotTold, address_of
from pipeline.status import Scope
from pipeline.sweep import sweep
from tests.local.destination import Destination, Reply, running_destination
from tests.talks import LINES, tone, verbose_json
from tests.world import World

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
APP = "/hooks/rostrum"


@dataclass(frozen=True)
class Told:
    """A world that tells an app, and the app."""

    world: World
    app: Destination

    def messages(self) -> list[dict[str, object]]:
        """What the app was told, each message verified as the app would."""
        return [
            Webhook(SECRET).verify(delivery.body, dict(delivery.headers))
            for delivery in self.app.to(APP)
        ]


@pytest.fixture
def told(world: World) -> Iterator[Told]:
    with running_destination() as app:
        listening = world.with_settings(notify_url=f"{app.url}{APP}", notify_secret=SECRET)
        yield Told(listening, app)


def ends(told: Told) -> list[tuple[object, object]]:
    return [(m["type"], m["data"]["sessionId"]) for m in told.messages()]  # type: ignore[index] # JSON


def test_a_completed_session_is_told_at_once_and_once(told: Told) -> None:
    session_id = told.world.complete("ann")

    assert sweep(told.world.services).told == 0
    (message,) = told.messages()
    run = told.world.detail(session_id).runs[0]
    assert message["type"] == "session.completed"
    assert message["data"] == {
        "sessionId": str(session_id),
        "runId": str(run.id),
        "userId": "ann",
        "errorCode": None,
    }


def test_nothing_of_what_was_said_is_told(told: Told) -> None:
    told.world.complete(title="A title")

    body = told.app.to(APP)[0].body.decode()

    assert not any(word in body for line in LINES for word in line.split() if len(word) > 4)
    assert "A title" not in body


def test_a_session_that_failed_for_good_is_told_with_its_code(told: Told) -> None:
    session_id = told.world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        told.world.deliver(session_id)

    (message,) = told.messages()
    assert message["type"] == "session.failed"
    assert message["data"]["errorCode"] == "NO_SPEECH"  # type: ignore[index] # JSON


def test_a_failure_that_retries_by_itself_is_nobodys_business_yet(told: Told) -> None:
    failure = {"kind": "answer", "status": 500, "body": {}, "times": 1}
    speech = {"kind": "answer", "status": 200, "body": verbose_json(), "times": None}
    told.world.whisper.misbehave(failure, speech)
    session_id = told.world.upload()
    with pytest.raises(TranscriptionUnavailable):
        told.world.deliver(session_id)
    assert told.app.to(APP) == []

    told.world.deliver(session_id)

    assert ends(told) == [("session.completed", str(session_id))]


def test_an_app_that_is_away_is_told_later_under_the_same_id(told: Told) -> None:
    told.app.reply(Reply(503), Reply(500))
    session_id = told.world.complete()
    assert sweep(told.world.services).told == 0, "it is not due yet"
    told.world.clock.move(seconds=31)
    assert sweep(told.world.services).failures == 1
    told.world.clock.move(seconds=61)

    assert sweep(told.world.services).told == 1

    ids = {delivery.headers["webhook-id"] for delivery in told.app.to(APP)}
    assert len(told.app.to(APP)) == 3
    assert len(ids) == 1
    assert told.world.detail(session_id).row.completed_at


def test_each_try_is_counted_by_its_outcome(told: Told) -> None:
    told.app.reply(Reply(503))
    told.world.complete()
    told.world.clock.move(seconds=31)
    sweep(told.world.services)

    counted = told.world.services.meters.registry.get_sample_value
    assert counted("rostrum_notices_total", {"outcome": "not_told"}) == 1
    assert counted("rostrum_notices_total", {"outcome": "told"}) == 1


def test_an_app_that_is_away_for_a_day_is_given_up_once(told: Told) -> None:
    told.app.reply(*[Reply(503)] * 40)
    told.world.complete()
    counted = told.world.services.meters.registry.get_sample_value

    for _ in range(30):
        told.world.clock.move(hours=1)
        sweep(told.world.services)

    assert counted("rostrum_notices_total", {"outcome": "given_up"}) == 1
    assert counted("rostrum_notices_total", {"outcome": "not_told"}) == len(told.app.to(APP)) - 1


def test_a_secret_that_is_none_harms_no_session(told: Told) -> None:
    unsigned = told.world.with_settings(notify_secret="whsec_a")

    session_id = unsigned.complete()

    assert unsigned.detail(session_id).row.completed_at
    assert told.app.to(APP) == []


def test_nobody_is_told_of_what_ended_a_day_ago(told: Told) -> None:
    told.app.reply(Reply(503))
    told.world.complete()
    told.world.clock.move(days=1)

    assert sweep(told.world.services).told == 0


def test_each_run_is_told_by_itself(told: Told) -> None:
    session_id = told.world.complete()
    services = told.world.services
    intake.rerun(services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
    told.world.deliver(session_id)

    assert ends(told) == [("session.completed", str(session_id))] * 2
    runs = {m["data"]["runId"] for m in told.messages()}  # type: ignore[index] # JSON
    assert len(runs) == 2


def test_without_a_receiver_nothing_waits_to_be_told(world: World) -> None:
    world.complete()

    assert notify.tell(world.services) == (0, 0)


def test_an_app_that_hangs_or_is_not_there_harms_no_session(told: Told) -> None:
    gone = told.world.with_settings(notify_url="http://127.0.0.1:9/hook", notify_secret=SECRET)

    session_id: UUID = gone.complete()

    assert gone.detail(session_id).row.completed_at
    gone.clock.move(seconds=31)
    assert sweep(gone.services).failures == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[fd00::1]/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "http://1.1.1.1/hook",
    ],
)
def test_in_production_only_the_internet_behind_https_is_told(url: str) -> None:
    with pytest.raises(NotTold, match="not an address of the internet behind https"):
        address_of(urlsplit(url), may_be_private=False)


def test_an_address_of_the_internet_may_be_told() -> None:
    assert address_of(urlsplit("https://1.1.1.1/hook"), may_be_private=False) == "1.1.1.1"


def test_a_redirect_is_not_followed(told: Told) -> None:
    told.app.reply(Reply(302, {"Location": f"{told.app.url}/elsewhere"}))
    told.world.complete()

    assert told.app.to("/elsewhere") == []
    assert len(told.app.to(APP)) == 1
    assert json.loads(told.app.to(APP)[0].body)["type"] == "session.completed"
