"""Commit before you answer: where the commit itself fails, no endpoint says that it went well."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from pipeline.database.engine import transaction
from tests.backend.api import Api, problem
from tests.talks import tone
from tests.world import message


def refuse_commits(api: Api, table: str) -> None:
    """From now on every transaction that wrote to `table` fails when it is committed."""
    with transaction(api.world.services.engine) as db:
        db.execute(
            text(f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON {table}
              DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
            """)
        )


def everything(api: Api) -> list[Any]:
    """All that the tables hold, to compare."""
    tables = ("learners", "sessions", "runs", "session_events", "idempotency_keys", "insights")
    with transaction(api.world.services.engine) as db:
        return [
            [list(row) for row in db.execute(text(f"SELECT * FROM {table} t ORDER BY t::text"))]  # noqa: S608 - our own names
            for table in tables
        ]


def announce(api: Api) -> Any:
    wanted = {"userId": "ann", "contentType": "audio/wav", "sizeBytes": len(tone())}
    return api.client.post("/api/sessions/uploads", json=wanted)


def announced(api: Api) -> UUID:
    """A session whose recording is stored and waits to be confirmed."""
    session_id = UUID(announce(api).json()["id"])
    api.world.services.storage.put(
        f"audio/{session_id}", io.BytesIO(tone()), content_type="audio/wav"
    )
    return session_id


def give_up(api: Api, session_id: UUID) -> Any:
    source = base64.b64encode(message(session_id)).decode()
    return api.webhook("failed", json.dumps({"sourceBody": source}).encode())


Act = Callable[[Api, UUID], Any]
CASES: dict[str, tuple[Callable[[Api], UUID], Act]] = {
    "upload": (lambda api: api.world.upload(), lambda api, _: api.upload()),
    "upload with a key": (lambda api: api.world.upload(), lambda api, _: api.upload(key="k")),
    "announce": (lambda api: api.world.upload(), lambda api, _: announce(api)),
    "confirm": (announced, lambda api, id_: api.client.post(f"/api/sessions/{id_}/uploaded")),
    "run again": (
        lambda api: api.world.complete(),
        lambda api, id_: api.client.post(f"/api/sessions/{id_}/runs", json={"scope": "analysis"}),
    ),
    "delete": (
        lambda api: api.world.complete(),
        lambda api, id_: api.client.delete(f"/api/sessions/{id_}"),
    ),
    "erase": (
        lambda api: api.world.complete("ann"),
        lambda api, _: api.client.delete("/api/users/ann"),
    ),
    "give up": (lambda api: api.world.upload(), give_up),
}
WRITTEN = {"run again": "runs", "announce": "session_events"}
"""What an action writes, where it is not the session itself."""


@pytest.mark.parametrize("name", CASES)
def test_a_failing_commit_is_not_a_success(api: Api, name: str) -> None:
    prepare, act = CASES[name]
    session_id = prepare(api)
    refuse_commits(api, WRITTEN.get(name, "sessions"))
    before = everything(api)
    stored = {stored.key for stored in api.world.services.storage.objects()}

    answer = act(api, session_id)

    assert problem(answer) == (500, "INTERNAL")
    assert "refused at commit" not in answer.text
    assert everything(api) == before
    assert {held.key for held in api.world.services.storage.objects()} <= stored


def test_a_delivery_whose_results_cannot_be_committed_is_not_done(api: Api) -> None:
    session_id = api.world.upload()
    refuse_commits(api, "insights")

    assert problem(api.process(session_id)) == (500, "INTERNAL")

    shown = api.client.get(f"/api/sessions/{session_id}").json()
    assert shown["status"] == "FAILED"
    assert (shown["error"]["code"], shown["error"]["willRetry"]) == ("INTERNAL", True)
    assert shown["insights"] == []


def test_a_delivery_that_cannot_even_write_down_its_failure_is_not_done(api: Api) -> None:
    session_id = api.world.upload()
    refuse_commits(api, "sessions")

    assert problem(api.process(session_id)) == (500, "INTERNAL")
    assert api.client.get(f"/api/sessions/{session_id}").json()["status"] == "UPLOADED"
