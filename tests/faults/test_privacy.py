"""One talk in words of its own goes all the ways that there are, failures included.

Then no log line, metric, span, error answer or address may hold one of its words, its title, its
learner or a key.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote as quoted

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pipeline import check, direct_upload
from pipeline.database.engine import transaction
from tests.backend.live import environment, eventually
from tests.canaries import (
    FILE_NAME,
    IDEMPOTENCY_KEY,
    LEARNER,
    LINES,
    PRIVATE,
    SPOKEN,
    TITLE,
    TYPED,
    leaks,
    quote,
)
from tests.dashboard.live import page_of, running_dashboard
from tests.faults.overheard import Installation, says
from tests.local.destination import Reply
from tests.talks import claude_message, tone
from tests.world import World

ALL_OF_IT = " ".join(LINES)
ECHO = {"error": {"message": f"Not this: {ALL_OF_IT}", "type": "invalid_request_error"}}
"""How a vendor refuses who repeats what it was sent."""
USER = f"/api/users/{quoted(LEARNER, safe='')}"


@pytest.mark.timeout(300)
def test_no_word_title_name_or_key_gets_out_whatever_happens(installation: Installation) -> None:
    at = installation
    shown = a_talk_goes_all_the_way(at)
    vendors_fail_and_repeat_what_they_were_sent(at)
    a_talk_is_given_up_and_tried_again(at)
    callers_type_what_does_not_belong(at)
    the_database_quotes_rows_in_its_errors(at)
    seen = staff_looks_at_it(at, shown["id"])
    operators_run_their_commands(at)
    metrics = at.live.client.get("/metrics").content
    everything_is_deleted(at, shown["id"])
    eventually(lambda: b"DELETE /api/users/{id:path}" in b"".join(at.collector.received))

    log = (at.folder / "backend.log").read_bytes()
    kept = {
        **{f"log {path.name}": path.read_bytes() for path in at.folder.glob("*.log")},
        "metrics": metrics,
        "traces": b"".join(at.collector.received),
        "error answers": b"\n".join(whole(answer) for answer in at.errors),
        "addresses": "\n".join(addresses(at)).encode(),
    }
    secrets = keys(at)
    assert leaks(kept, {**PRIVATE, **secrets}) == set()

    # Each of these failed for want of a database that kept quiet, and said so.
    for part in ("backend", "dashboard", "commands"):
        assert b"ProgrammingError" in kept[f"log {part}.log"], part
    # What would have been found: the search is no use where it finds nothing at all.
    session = json.dumps(shown, ensure_ascii=False).encode()
    assert len(leaks({"session": session, "claude": at.taps["claude"].sent}, SPOKEN)) == 2 * 72
    assert leaks({"page": seen}, {"title": TITLE, "quote": quote(0)}) == {
        "page: title",
        "page: quote",
    }
    headers = b"".join(tap.sent for tap in at.taps.values())
    for name in ("openai_api_key", "anthropic_api_key", "qstash_token"):
        assert leaks({"headers": headers}, {name: secrets[name]}), name
    codes = {
        "STORAGE_UNAVAILABLE", "TRANSCRIPTION_UNAVAILABLE", "ANALYSIS_UNAVAILABLE",
        "TRANSCRIPTION_REJECTED", "ANALYSIS_REJECTED", "ANALYSIS_INVALID", "INTERNAL",
        "DATABASE_UNAVAILABLE", "VALIDATION", "UNSUPPORTED_AUDIO",
    }  # fmt: skip
    assert {code for code in codes if f'"{code}"'.encode() not in log} == set()
    for event in (b"unforeseen", b"run_dead", b"notice_not_told", b"notice_told", b"swept"):
        assert event in log, event


def a_talk_goes_all_the_way(at: Installation) -> dict[str, Any]:
    """Completed, read and written down in each way; the app is told at the second try."""
    at.app.reply(Reply(500, body=ALL_OF_IT.encode()))
    at.hears()
    at.judges()
    session_id = at.upload().json()["id"]
    done = at.ends(session_id, "COMPLETED")
    assert done["insights"]
    assert done["metrics"]
    at.ask("GET", "/api/sessions", params={"q": TITLE, "userId": LEARNER})
    for form in ("markdown", "html", "json"):
        at.ask("GET", f"/api/sessions/{session_id}/export", params={"format": form})
    for what in ("pattern-profile", "export"):
        assert at.ask("GET", f"{USER}/{what}").is_success
    again = f"/api/sessions/{session_id}/runs"
    assert at.refused("POST", again, json={"scope": "full"}) == (409, "AUDIO_GONE")
    return done


def vendors_fail_and_repeat_what_they_were_sent(at: Installation) -> None:
    """Storage, Whisper and Claude in turn; the fourth delivery completes."""
    refusal = f"<Error><Code>InternalError</Code><Message>{ALL_OF_IT}</Message></Error>"
    objects: dict[str, Any] = {
        "path": f"/{at.bucket}/",
        "headers": {"content-type": "application/xml"},
    }
    at.door.misbehave(
        says(500, refusal, method="PUT", **objects), says(500, refusal, method="GET", **objects)
    )
    at.hears(says(500, ECHO))
    at.judges(says(529, ECHO))
    assert at.upload().status_code == 503
    headers = {"Idempotency-Key": IDEMPOTENCY_KEY}
    sent = at.ask(
        "POST",
        "/api/sessions",
        data={"userId": LEARNER, "title": TITLE},
        files={"audio": (FILE_NAME, tone())},
        headers=headers,
    )
    assert at.ends(sent.json()["id"], "COMPLETED")["runs"][0]["attempts"] == 4


def a_talk_is_given_up_and_tried_again(at: Installation) -> None:
    """By Whisper, by Claude in two ways, and by a crash; each letter comes back as a callback."""
    at.hears(says(400, ECHO))
    session_id = at.upload().json()["id"]
    at.ends(session_id, "FAILED", "TRANSCRIPTION_REJECTED")
    again = f"/api/sessions/{session_id}/runs"
    at.hears()
    at.judges(says(200, claude_message(ALL_OF_IT, stop_reason="refusal")))
    at.ask("POST", again, json={"scope": "full"})
    at.ends(session_id, "FAILED", "ANALYSIS_REJECTED")
    at.judges(says(200, claude_message(ALL_OF_IT), times=2))
    at.ask("POST", again, json={"scope": "analysis"})
    at.ends(session_id, "FAILED", "ANALYSIS_INVALID")
    at.judges()
    with complaining(at.world, "analyses", "NEW::text"):
        at.ask("POST", again, json={"scope": "analysis"})
        at.ends(session_id, "FAILED", "INTERNAL")
        crashed = eventually(lambda: letter_of(at, "INTERNAL"))
    refused = eventually(lambda: letter_of(at, "TRANSCRIPTION_REJECTED"))
    at_letter = f"/api/dead-letters/{refused['id']}"
    assert at.refused("POST", f"{at_letter}/retry") == (409, "NOT_RETRYABLE")
    assert at.ask("DELETE", at_letter).is_success
    assert at.ask("POST", f"/api/dead-letters/{crashed['id']}/retry").is_success
    at.ends(session_id, "COMPLETED")


def letter_of(at: Installation, code: str) -> dict[str, Any] | None:
    """The dead letter of this code, once there is one."""
    letters = at.ask("GET", "/api/dead-letters").json()["letters"]
    return next((letter for letter in letters if letter["code"] == code), None)


def callers_type_what_does_not_belong(at: Installation) -> None:
    """In every place that takes words; none is repeated."""
    long = f"{TYPED} " * 60
    at.upload(language=TYPED)
    at.upload(title=long, userId=long)
    at.upload(audio=f"{TYPED} {ALL_OF_IT}".encode() * 20)
    at.upload(audio=b"", **{f"{TYPED}!": TYPED})
    wanted = {"userId": LEARNER, "contentType": f"text/{TYPED}", "sizeBytes": TYPED}
    at.ask("POST", "/api/sessions/uploads", json=wanted)
    at.ask("POST", "/api/sessions/uploads", content=f"{{'{TYPED}".encode())
    for query in (f"{TYPED}!={TYPED}", f"status={TYPED}", f"cursor={TYPED}", f"limit={TYPED}"):
        at.ask("GET", f"/api/sessions?{query}")
    for path in (f"/api/sessions/{TYPED}", f"/api/users/{TYPED}/export", f"/{TYPED}"):
        at.ask("GET", path)
    at.ask(TYPED.upper(), "/api/sessions")
    at.ask("DELETE", f"/api/dead-letters/{TYPED}!")
    at.ask("GET", "/api/sessions", headers={"Authorization": f"Bearer {TYPED}"})
    at.ask("POST", "/api/internal/process", content=TYPED, headers={"Upstash-Signature": TYPED})
    at.webhook("process", TYPED.encode())
    at.webhook("process", json.dumps({"sessionId": TYPED, TYPED: TYPED}).encode())
    at.webhook("failed", json.dumps({"sourceBody": TYPED}).encode())


def the_database_quotes_rows_in_its_errors(at: Installation) -> None:
    """At the commit, as a fault of ours and as a database that goes away."""
    wanted = {"user_id": LEARNER, "content_type": "audio/wav", "size_bytes": 9, "title": TITLE}
    sent = {"userId": LEARNER, "contentType": "audio/wav", "sizeBytes": 9, "title": TITLE}
    with complaining(at.world, "sessions", "NEW::text"):
        with pytest.raises(DBAPIError, match=TITLE):
            direct_upload.presign(at.world.services, **wanted)  # type: ignore[arg-type] # as above
        refused = at.refused("POST", "/api/sessions/uploads", json=sent)
        assert refused == (500, "INTERNAL")
    with complaining(at.world, "sessions", "NEW::text", sqlstate="57P03"):
        refused = at.refused("POST", "/api/sessions/uploads", json=sent)
        assert refused == (503, "DATABASE_UNAVAILABLE")


def staff_looks_at_it(at: Installation, session_id: str) -> bytes:
    """The session's page, at first while the database quotes the talk; what was sent."""
    with running_dashboard(at.world.services.settings, at.folder / "dashboard.log") as dashboard:
        # The audit notes the first look only.
        with complaining(at.world, "audit_log", "(SELECT text FROM transcripts LIMIT 1)"):
            page_of(dashboard, "session", f"id={session_id}")
        return page_of(dashboard, "session", f"id={session_id}")


def operators_run_their_commands(at: Installation) -> None:
    """A sweep through the webhook, one by hand that breaks, and the check while vendors refuse."""
    assert at.webhook("sweep", b"{}").is_success
    with complaining(at.world, "sweeps", "(SELECT text FROM transcripts LIMIT 1)"):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.sweep"],
            env={**os.environ, **environment(at.world.services.settings)},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 1
    at.world.whisper.misbehave(says(400, ECHO))
    at.world.analyst.misbehave(says(401, ECHO))
    found = check.check(at.world.services, ["storage", "queue", "whisper", "claude"])
    assert [each.part for each in found if not each.ok] == ["queue", "whisper", "claude"]
    printed = "\n".join(str(each) for each in found).encode()
    (at.folder / "commands.log").write_bytes(done.stdout + done.stderr + printed)


def everything_is_deleted(at: Installation, session_id: str) -> None:
    assert at.ask("DELETE", f"/api/sessions/{session_id}").is_success
    assert at.ask("DELETE", USER).is_success
    assert at.refused("GET", f"{USER}/export") == (404, "NOT_FOUND")


@contextmanager
def complaining(world: World, table: str, what: str, *, sqlstate: str = "P0001") -> Iterator[None]:
    """Whoever writes to `table` meanwhile fails at the commit, with `what` in Postgres' words."""
    with transaction(world.services.engine) as db:
        db.execute(
            text(f"""
            CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = {what},
                 DETAIL = {what}; END $$;
            CREATE CONSTRAINT TRIGGER complain AFTER INSERT OR UPDATE ON {table}
              DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION complain();
            """)
        )
    yield
    with transaction(world.services.engine) as db:
        db.execute(text("DROP FUNCTION complain CASCADE"))


def addresses(at: Installation) -> list[str]:
    """Whatever address was asked for by a part of ours."""
    asked = [target for tap in at.taps.values() for target in tap.targets()]
    assert all(tap.targets() for tap in at.taps.values())
    return asked + [delivery.path for delivery in at.app.deliveries]


def keys(at: Installation) -> dict[str, str]:
    """Every secret of the settings, the database's password by itself."""
    settings = at.world.services.settings
    secrets = {
        name: value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)
    }
    secrets["database_url"] = httpx2.URL(secrets["database_url"]).password
    return secrets


def whole(answer: httpx2.Response) -> bytes:
    """Headers and body."""
    head = io.BytesIO()
    for name, value in answer.headers.raw:
        head.write(name + b": " + value + b"\n")
    return head.getvalue() + answer.content
