"""Retrying what the queue gave up, over HTTP: opened again, refused, or left to the sweeper."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline import intake
from pipeline.database.engine import transaction
from pipeline.database.operations import MOST_ATTEMPTS
from pipeline.status import Scope, Status
from pipeline.sweep import sweep
from tests.backend.api import Api, problem
from tests.backend.live import eventually
from tests.letters import FAILED, LETTERS, Burials, listed, ours, retried
from tests.local.destination import Reply
from tests.local.queueing import publish
from tests.world import signed


def why_not(letters_api: Api, burials: Burials, session_id: UUID) -> str:
    """The reason that listing shows, once retrying was refused with the very same."""
    letter_id = burials.id(session_id)
    before = letters_api.world.detail(session_id) if _exists(letters_api, session_id) else None
    (shown,) = [letter for letter in listed(letters_api) if letter["id"] == letter_id]
    assert shown["retryable"] is False

    answer = retried(letters_api, letter_id)

    assert problem(answer) == (409, "NOT_RETRYABLE")
    assert answer.json()["error"] == shown["reason"]
    assert burials.ids(session_id) == [letter_id], "the letter is still there"
    assert before is None or letters_api.world.detail(session_id) == before, "nothing was changed"
    return str(shown["reason"])


def _exists(letters_api: Api, session_id: UUID) -> bool:
    return bool(letters_api.client.get(f"/api/sessions/{session_id}").status_code == 200)


def test_how_many_deliveries_there_were_is_not_claimed_where_an_answer_ended_them(
    letters_api: Api, burials: Burials
) -> None:
    burials.bury(ours("NO_SPEECH", status=489))

    assert [letter["deliveries"] for letter in listed(letters_api)] == [None]


def test_a_retry_opens_the_run_again_in_the_callers_name(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    run = letters_api.world.detail(session_id).runs[0]
    seen = len(burials.destination.to("/api/internal/process"))

    answer = retried(letters_api, burials.id(session_id))

    assert answer.status_code == 202
    assert answer.json() == {"sessionId": str(session_id), "runId": str(run.id), "queued": True}
    detail = letters_api.world.detail(session_id)
    assert detail.row.error is not None
    assert detail.row.error.will_retry
    assert (detail.runs[0].outcome, detail.runs[0].finished_at) == (None, None)
    last = detail.events[-1]
    assert (last.from_status, last.to_status, last.actor) == (Status.FAILED, Status.FAILED, "app")
    again = burials.destination.wait_for(seen + 1, path="/api/internal/process")[-1]
    assert json.loads(again.body) == {"sessionId": str(session_id), "runId": str(run.id)}
    assert again.retried == 0, "with deliveries of its own"
    assert burials.ids(session_id) == []


def test_a_failure_callback_that_comes_after_the_retry_gives_nothing_up(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    late = burials.destination.to(FAILED)[-1].body
    assert retried(letters_api, burials.id(session_id)).json()["queued"] is True

    address = letters_api.services.settings.failed_url
    answer = letters_api.webhook("failed", late, token=signed(late, address))

    assert answer.json() == {"ok": True, "marked": False}
    detail = letters_api.world.detail(session_id)
    assert detail.runs[0].outcome is None
    assert detail.row.error is not None
    assert detail.row.error.will_retry


def test_a_session_that_no_delivery_ever_reached_can_be_retried(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury(Reply(500))
    assert letters_api.world.detail(session_id).row.status is Status.UPLOADED

    assert retried(letters_api, burials.id(session_id)).json()["queued"] is True

    detail = letters_api.world.detail(session_id)
    assert detail.row.status is Status.FAILED
    assert detail.row.error is not None
    assert (detail.row.error.code, detail.row.error.will_retry) == ("INTERNAL", True)
    letters_api.world.deliver(session_id)
    assert letters_api.world.detail(session_id).row.status is Status.COMPLETED


def test_a_worker_that_died_is_no_obstacle_once_its_lease_ran_out(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury()
    letters_api.world.fall_silent(session_id)
    assert "being processed now" in why_not(letters_api, burials, session_id)
    letters_api.world.clock.move(seconds=90)

    assert retried(letters_api, burials.id(session_id)).status_code == 202


def test_no_retry_for_what_no_retry_can_mend(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury_failed(heard=400)

    reason = why_not(letters_api, burials, session_id)

    assert reason == (
        "No retry can mend what went wrong: "
        "The transcription service does not accept this recording."
    )


def test_no_retry_for_a_session_that_is_gone(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury_failed()
    assert letters_api.client.delete(f"/api/sessions/{session_id}").status_code == 204

    assert "session is gone" in why_not(letters_api, burials, session_id)


def test_no_retry_for_a_session_that_is_completed(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury()
    letters_api.world.deliver(session_id)

    assert "session is completed" in why_not(letters_api, burials, session_id)


def test_no_retry_of_an_older_run(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury_failed()
    intake.rerun(letters_api.world.services, session_id, scope=Scope.FULL, requested_by="qa")

    assert "newer run" in why_not(letters_api, burials, session_id)


def test_no_retry_while_another_delivery_is_expected(letters_api: Api, burials: Burials) -> None:
    session_id = burials.bury_failed()
    burials.qstash.misbehave({"kind": "answer", "path": "/v2/dlq/retry", "status": 500})
    assert retried(letters_api, burials.id(session_id)).status_code == 202

    assert "on its way already" in why_not(letters_api, burials, session_id)


def test_no_retry_once_the_recording_is_gone_untranscribed(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    letters_api.world.clock.move(hours=25)
    assert sweep(letters_api.world.services).audio_deleted == 1

    assert "recording was deleted" in why_not(letters_api, burials, session_id)


def test_no_retry_of_a_rerun_behind_a_completed_run(letters_api: Api, burials: Burials) -> None:
    """The session shows the results of its first run all the while."""
    session_id = letters_api.world.complete()
    burials.destination.reply(*[ours("TIMEOUT")] * 4)
    intake.rerun(letters_api.world.services, session_id, scope=Scope.ANALYSIS, requested_by="qa")
    eventually(lambda: burials.ids(session_id))

    assert "results of an earlier run" in why_not(letters_api, burials, session_id)


def test_an_earlier_runs_permanent_error_is_no_reason_against_a_rerun_that_never_began(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed(heard=400)
    burials.client.dlq.delete(burials.id(session_id))
    burials.destination.reply(*[Reply(500)] * 4)
    intake.rerun(letters_api.world.services, session_id, scope=Scope.FULL, requested_by="qa")
    eventually(lambda: burials.ids(session_id))

    assert retried(letters_api, burials.id(session_id)).status_code == 202


@pytest.mark.parametrize("path", ["failed", "sweep"])
def test_no_retry_of_what_the_sweeper_does_by_itself(
    letters_api: Api, burials: Burials, path: str
) -> None:
    burials.destination.reply(Reply(500))
    publish(burials.client, f"{burials.destination.url}/api/internal/{path}", retries=0)
    (letter,) = eventually(lambda: listed(letters_api))

    assert (letter["purpose"], letter["sessionId"], letter["retryable"]) == (path, None, False)
    answer = retried(letters_api, letter["id"])
    assert problem(answer) == (409, "NOT_RETRYABLE")
    assert "the sweeper does this" in answer.json()["error"]


def test_all_that_can_be_is_retried_and_the_rest_stays(letters_api: Api, burials: Burials) -> None:
    good = [burials.bury_failed(user_id=f"learner-{number}") for number in range(2)]
    hopeless = burials.bury_failed(heard=400)

    answer = letters_api.client.post(f"{LETTERS}/retry", json={"code": None})

    assert answer.status_code == 200
    assert answer.json() == {"retried": 2, "refused": 1, "failed": 0, "more": False}
    assert [burials.ids(session_id) for session_id in good] == [[], []]
    assert burials.ids(hopeless)


def test_all_of_one_code_are_retried_and_no_others(letters_api: Api, burials: Burials) -> None:
    wanted = burials.bury_failed()
    other = burials.bury(ours("TIMEOUT"))

    answer = letters_api.client.post(f"{LETTERS}/retry", json={"code": "TRANSCRIPTION_UNAVAILABLE"})

    assert answer.json() == {"retried": 1, "refused": 0, "failed": 0, "more": False}
    assert burials.ids(wanted) == []
    assert burials.ids(other)


def test_retrying_all_ends_at_the_first_that_the_queue_does_not_take(
    letters_api: Api, burials: Burials
) -> None:
    session_ids = [burials.bury_failed(user_id=f"learner-{number}") for number in range(3)]
    burials.qstash.misbehave(
        {"kind": "answer", "path": "/v2/dlq/retry", "status": 500, "times": None}
    )

    answer = letters_api.client.post(f"{LETTERS}/retry", json={})

    assert answer.json() == {"retried": 0, "refused": 0, "failed": 1, "more": True}
    errors = [letters_api.world.detail(session_id).row.error for session_id in session_ids]
    assert sorted(bool(error and error.will_retry) for error in errors) == [False, False, True]


def test_a_retry_that_the_queue_does_not_take_is_brought_by_the_sweeper(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    burials.qstash.misbehave({"kind": "cut", "path": "/v2/dlq/retry"})
    letters_api.world.clock.move(minutes=1)

    answer = retried(letters_api, burials.id(session_id))

    assert answer.status_code == 202
    assert answer.json()["queued"] is False
    assert not letters_api.world.detail(session_id).row.queued
    assert sweep(burials.world.services).published == 1
    assert letters_api.world.detail(session_id).row.queued
    letters_api.world.deliver(session_id)
    assert letters_api.world.detail(session_id).row.status is Status.COMPLETED


def test_a_retry_that_the_queue_takes_for_a_repetition_is_brought_by_the_sweeper(
    letters_api: Api, burials: Burials
) -> None:
    """QStash answers so where the message's deduplication id is remembered still."""
    session_id = burials.bury_failed()
    body = {"messageId": "msg_1", "deduplicated": True}
    burials.qstash.misbehave(
        {"kind": "answer", "path": "/v2/dlq/retry", "status": 200, "body": body}
    )
    letters_api.world.clock.move(minutes=1)

    assert retried(letters_api, burials.id(session_id)).json()["queued"] is False
    assert sweep(burials.world.services).published == 1


def test_a_run_that_was_tried_very_often_is_brought_all_the_same_when_somebody_asks(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    with transaction(letters_api.services.engine) as db:
        db.execute(text("UPDATE runs SET attempts = :most"), {"most": MOST_ATTEMPTS})
    burials.qstash.misbehave({"kind": "answer", "path": "/v2/dlq/retry", "status": 500})
    letters_api.world.clock.move(minutes=1)

    assert retried(letters_api, burials.id(session_id)).json()["queued"] is False
    assert sweep(burials.world.services).published == 1


def test_a_retry_that_the_queue_took_and_lost_is_brought_by_the_sweeper(
    letters_api: Api, burials: Burials
) -> None:
    session_id = burials.bury_failed()
    assert retried(letters_api, burials.id(session_id)).json()["queued"] is True
    letters_api.world.clock.move(minutes=50)
    assert sweep(burials.world.services).resumed == 0, "it may wait for its turn"
    letters_api.world.clock.move(minutes=20)

    assert sweep(burials.world.services).resumed == 1
