"""Only what QStash signed, for just this body and just this address, gets in."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.status import Status
from tests.backend.api import Api, problem
from tests.backend.live import Live, running_backend
from tests.local.queueing import sdk
from tests.standins import CURRENT_KEY, NEXT_KEY, StandIn
from tests.talks import tone, verbose_json
from tests.world import World, message, signed

BASE = "http://127.0.0.1:8000/api/internal"
URL = f"{BASE}/process"
BODY = message(UUID(int=7))
LET_IN = (489, "NOT_FOUND")
"""The signature held, and there is no such session."""
REFUSED = (401, "UNAUTHORIZED")
CHEAP = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def delivered(api: Api, token: str | None, body: bytes = BODY, path: str = "process") -> Any:
    """What a webhook answers to a body with this token."""
    return problem(api.webhook(path, body, token=token))


@pytest.mark.parametrize("key", [CURRENT_KEY, NEXT_KEY], ids=["current", "next"])
def test_both_signing_keys_let_a_delivery_in(api: Api, key: str) -> None:
    assert delivered(api, signed(BODY, URL, key=key)) == LET_IN


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def by(algorithm: str, digest: str, key: str = CURRENT_KEY, **header: Any) -> str:
    """A token with good claims, signed otherwise."""
    head = _encoded({"alg": algorithm, "typ": "JWT", **header})
    payload = signed(BODY, URL).split(".")[1]
    mac = hmac.new(key.encode(), f"{head}.{payload}".encode(), digest).digest()
    return f"{head}.{payload}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def unsigned(algorithm: str) -> str:
    """A token with good claims and no signature."""
    return by(algorithm, "sha256").rpartition(".")[0] + "."


def now() -> int:
    return int(time.time())


ITS_KEY = "a-key-that-the-forger-sends-along-0123"
ITS_JWK = {"kty": "oct", "k": base64.urlsafe_b64encode(ITS_KEY.encode()).decode()}
BRACKETS = base64.urlsafe_b64encode(b"[" * 30_000).decode()

Mint = Callable[[], str | None]
FORGED: dict[str, Mint] = {
    "no token": lambda: None,
    "an empty token": lambda: "",
    "garbage": lambda: "not.a.token",
    "no signature": lambda: signed(BODY, URL).rpartition(".")[0],
    "an empty signature": lambda: signed(BODY, URL).rpartition(".")[0] + ".",
    "a fourth part": lambda: signed(BODY, URL) + ".e30",
    "a bearer token": lambda: f"Bearer {signed(BODY, URL)}",
    "brackets within brackets": lambda: f"{BRACKETS}.e30.AA",
    "another key": lambda: signed(BODY, URL, key="sig_somebody_else_0123456789abcdef"),
    "the key in capitals": lambda: signed(BODY, URL, key=CURRENT_KEY.upper()),
    "algorithm none": lambda: unsigned("none"),
    "algorithm None": lambda: unsigned("None"),
    "algorithm NONE": lambda: unsigned("NONE"),
    "algorithm none, signed": lambda: by("none", "sha256"),
    "no algorithm, signed": lambda: by("", "sha256"),
    "HS384 with the right key": lambda: by("HS384", "sha384"),
    "HS512 with the right key": lambda: by("HS512", "sha512"),
    "HS256 that says RS256": lambda: by("RS256", "sha256"),
    "HS256 that says ES256": lambda: by("ES256", "sha256"),
    "a key that comes with it": lambda: by("HS256", "sha256", ITS_KEY, jwk=ITS_JWK, kid="1"),
    "a header that must be understood": lambda: by("HS256", "sha256", crit=["x"], x=1),
    "a body claim left out": lambda: signed(BODY, URL, body=None),
    "a body claim that is no text": lambda: signed(BODY, URL, body=5),
    "a body claim of half a character": lambda: signed(BODY, URL, body="\ud83d"),
    "an empty body claim": lambda: signed(BODY, URL, body=""),
    "another body's claim": lambda: signed(b"{}", URL),
    "an issuer left out": lambda: signed(BODY, URL, iss=None),
    "another issuer": lambda: signed(BODY, URL, iss="Somebody"),
    "an expiry left out": lambda: signed(BODY, URL, exp=None),
    "an expiry that is no time": lambda: signed(BODY, URL, exp="tomorrow"),
    "an expiry that is no number": lambda: signed(BODY, URL, exp=math.nan),
    "an expiry beyond all numbers": lambda: signed(BODY, URL, exp=10**400),
    "a list of expiries": lambda: signed(BODY, URL, exp=[now() + 300]),
    "an expiry long ago": lambda: signed(BODY, URL, exp=now() - 60),
    "a beginning left out": lambda: signed(BODY, URL, nbf=None),
    "a beginning to come": lambda: signed(BODY, URL, nbf=now() + 60),
    "a beginning that is no number": lambda: signed(BODY, URL, nbf=math.nan),
    "a subject left out": lambda: signed(BODY, URL, sub=None),
    "a list of subjects": lambda: signed(BODY, URL, sub=[URL]),
}
"""Minted when they are used: a token lives for minutes."""
FOREIGN = (
    "",
    "/api/internal/process",
    "http://127.0.0.1:8000",
    "http://127.0.0.1:8001/api/internal/process",
    "http://127.0.0.1/api/internal/process",
    "https://127.0.0.1:8000/api/internal/process",
    "http://localhost:8000/api/internal/process",
    "http://127.0.0.1:8000@evil.example/api/internal/process",
    "https://evil.example/api/internal/process",
    "http://127.0.0.1:8000/api/internal/process/",
    "http://127.0.0.1:8000//api/internal/process",
    "http://127.0.0.1:8000/api/internal/Process",
    "http://127.0.0.1:8000/api/internal/process?x=1",
    "http://127.0.0.1:8000/api/internal/process#x",
    "http://127.0.0.1:8000/api/internal/failed",
    "http://127.0.0.1:8000/api/internal/sweep",
)


def test_no_forged_token_lets_a_delivery_in(api: Api) -> None:
    seen = {name: delivered(api, mint()) for name, mint in FORGED.items()}

    assert seen == dict.fromkeys(FORGED, REFUSED)


def test_a_token_for_another_address_lets_nothing_in(api: Api) -> None:
    """What is asked for decides, never what `Host` or a proxy says."""
    seen = {url: delivered(api, signed(BODY, url)) for url in FOREIGN}
    spoofed = api.webhook(
        "process",
        BODY,
        token=signed(BODY, "https://evil.example/api/internal/process"),
        headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    )

    assert seen == dict.fromkeys(FOREIGN, REFUSED)
    assert problem(spoofed) == REFUSED


def test_a_token_of_one_webhook_opens_no_other(api: Api) -> None:
    paths = ("process", "failed", "sweep")
    let_in = {
        (made_for, path)
        for made_for in paths
        for path in paths
        if api.webhook(path, BODY, token=signed(BODY, f"{BASE}/{made_for}")).status_code != 401
    }

    assert let_in == {(path, path) for path in paths}


@pytest.mark.parametrize("off", [-5, 5])
def test_a_clock_that_is_five_seconds_off_does_no_harm(api: Api, off: int) -> None:
    """A token at the very edge of its life, by QStash's clock."""
    moment = now() + off
    edge: dict[str, Any] = {"nbf": moment} if off > 0 else {"exp": moment}

    assert delivered(api, signed(BODY, URL, **edge)) == LET_IN


@pytest.mark.parametrize("off", [-60, 400])
def test_a_clock_that_is_far_off_refuses_what_it_takes_for_old_or_early(api: Api, off: int) -> None:
    token = signed(BODY, URL, nbf=now())
    assert delivered(api, token) == LET_IN

    api.world.clock.move(seconds=off)

    assert delivered(api, token) == REFUSED


@pytest.mark.parametrize(
    "changed",
    [
        BODY + b" ",
        b"\n" + BODY,
        b"\xef\xbb\xbf" + BODY,
        BODY[:-1],
        b"",
        b"{}",
        json.dumps(json.loads(BODY), separators=(",", ":")).encode(),
        json.dumps(json.loads(BODY), indent=1).encode(),
        json.dumps({**json.loads(BODY), "runId": None}).encode(),
        message(UUID(int=8)),
    ],
)
def test_a_body_that_was_changed_or_written_anew_is_refused(api: Api, changed: bytes) -> None:
    assert changed != BODY

    assert delivered(api, signed(BODY, URL), changed) == REFUSED


OVERSIZED = b'{"sessionId": "' + b"x" * 65_536 + b'"}'


@pytest.mark.parametrize(
    ("body", "when_signed", "when_not"),
    [
        (b"", (400, "BAD_REQUEST"), REFUSED),
        (b"\xff\xfe{}", (400, "BAD_REQUEST"), REFUSED),
        (OVERSIZED, (413, "PAYLOAD_TOO_LARGE"), (413, "PAYLOAD_TOO_LARGE")),
        (OVERSIZED[:100] + OVERSIZED[-66:], (489, "NOT_FOUND"), REFUSED),
    ],
    ids=["empty", "not UTF-8", "oversized", "not too large"],
)
def test_the_signature_comes_before_the_content_and_the_size_before_both(
    api: Api, body: bytes, when_signed: tuple[int, str], when_not: tuple[int, str]
) -> None:
    assert delivered(api, signed(body, URL), body) == when_signed
    assert delivered(api, signed(BODY, URL), body) == when_not


VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)


@CHEAP
@given(token=st.text(VISIBLE, max_size=80), body=st.binary(max_size=80))
def test_no_random_token_or_body_gets_in_or_breaks_a_webhook(
    api: Api, token: str, body: bytes
) -> None:
    for path in ("process", "failed", "sweep"):
        assert delivered(api, token, body, path) == REFUSED


@CHEAP
@given(head=st.binary(max_size=60), payload=st.binary(max_size=60), mac=st.binary(max_size=40))
def test_no_token_of_random_parts_gets_in(
    api: Api, head: bytes, payload: bytes, mac: bytes
) -> None:
    parts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (head, payload, mac)]

    assert delivered(api, ".".join(parts)) == REFUSED


@CHEAP
@given(at=st.integers(0, len(BODY) - 1), bits=st.integers(1, 255))
def test_a_body_with_any_one_byte_changed_is_refused(api: Api, at: int, bits: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= bits

    assert delivered(api, signed(BODY, URL), bytes(changed)) == REFUSED


@CHEAP
@given(data=st.data())
def test_a_token_with_any_one_character_changed_is_refused(api: Api, data: st.DataObject) -> None:
    token = signed(BODY, URL)
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(VISIBLE) + token[at + 1 :]
    # The last character of each part holds spare bits: the same bytes, spelled otherwise.
    assume(_bytes_of(changed) != _bytes_of(token))

    assert delivered(api, changed) == REFUSED


def _bytes_of(token: str) -> list[bytes] | None:
    """What the parts say; None where one says nothing."""
    try:
        return [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]
    except binascii.Error:
        return None


def test_deliveries_go_on_while_the_keys_are_rotated(
    world: World, qstash: StandIn, tmp_path: Path
) -> None:
    """Each side moves on by itself; two keys at a time bridge the gap, three do not."""
    queued = world.with_settings(qstash_url=qstash.url, queue_retry_delay="100")
    world.whisper.misbehave(
        {"kind": "answer", "status": 500, "seconds": 1.0, "times": 1},
        {"kind": "answer", "status": 200, "body": verbose_json(), "times": None},
    )
    with (
        sdk(qstash.url) as client,
        running_backend(queued.services.settings, tmp_path / "before.log") as before,
    ):
        in_flight = UUID(_upload(before))
        _wait_until(lambda: len(world.whisper.calls()) == 1)
        rotated = client.signing_key.rotate()
        assert rotated.current == NEXT_KEY

        # Its first delivery came under the old key, its second comes under the new one.
        _wait_until(lambda: world.detail(in_flight).row.status is Status.COMPLETED)
        assert world.detail(in_flight).runs[0].attempts == 2

        moved = queued.with_settings(
            qstash_current_signing_key=rotated.current, qstash_next_signing_key=rotated.next
        )
        with running_backend(moved.services.settings, tmp_path / "after.log") as after:
            client.signing_key.rotate()
            late = UUID(_upload(after))
            _wait_until(lambda: world.detail(late).row.status is Status.COMPLETED)

        stranded = UUID(_upload(before))
        _wait_until(lambda: any(line.get("code") == "UNAUTHORIZED" for line in before.lines()))
        assert world.detail(stranded).row.status is Status.UPLOADED


def _upload(live: Live) -> str:
    answer = live.client.post(
        "/api/sessions", data={"userId": "ann"}, files={"audio": ("talk.wav", tone())}
    )
    made: str = answer.json()["id"]
    return made


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
