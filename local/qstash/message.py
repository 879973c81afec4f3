"""A message as it is published: headers → a checked value, with QStash's own refusals."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from local.qstash import delay

MOST_RETRIES = 5
"""What the smaller plans allow."""
DEFAULT_RETRIES = 3
MOST_TIMEOUT_SECONDS = 900
"""How long QStash waits for an answer on its smallest plan."""
MOST_DELAY_SECONDS = 366 * 86_400
"""A year: no plan delays longer."""
MOST_PARALLELISM = 10_000
FORWARD = "upstash-forward-"
CALLBACK = "upstash-callback-"
FAILURE_CALLBACK = "upstash-failure-callback-"
CALLBACK_SETTINGS = frozenset({"retries", "retry-delay", "delay", "timeout", "method"})
"""What may be said of a callback as it is said of a message, beside its forwarded headers."""
NEVER_FORWARDED = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""They belong to the connection that a delivery is made on."""
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)
"""`1d2h3m4s`, or plain seconds."""
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
"""What HTTP lets a header be called, in lower case."""
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class Refused(Exception):
    """What QStash would not take."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was checked and has no id yet."""

    destination: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    """Those that the destination gets, names in lower case."""
    retries: int = DEFAULT_RETRIES
    retry_delay: str | None = None
    delay_seconds: float = 0.0
    """Counted from the moment that it is published, or that its schedule fires."""
    not_before: float = 0.0
    """Unix seconds; set, it overrides the delay."""
    timeout_seconds: float = MOST_TIMEOUT_SECONDS
    callback: str | None = None
    """Told about every attempt."""
    callback_headers: dict[str, str] = field(default_factory=dict)
    """What a callback is published with: `upstash-retries`, `upstash-forward-…` and so on."""
    failure_callback: str | None = None
    """Told when the message is given up."""
    failure_callback_headers: dict[str, str] = field(default_factory=dict)
    flow_key: str | None = None
    flow_parallelism: int | None = None
    label: str | None = None
    deduplication_id: str | None = None
    schedule_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All fields but the body, for a column."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "body"}

    @classmethod
    def from_json(cls, held: dict[str, Any], body: bytes) -> Self:
        """Back from a column; fields that an older server wrote and nobody knows are dropped."""
        return cls(body=body, **{name: held[name] for name in held if name in cls.__slots__})


def read(destination: str, headers: Mapping[str, str], body: bytes) -> Draft:
    """Check what was published.

    Raises:
        Refused: as QStash refuses it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    _check_values(given)
    flow_key, parallelism = _flow_control(given)
    callback, callback_headers = _callback(given, CALLBACK)
    failure_callback, failure_callback_headers = _callback(given, FAILURE_CALLBACK)
    method = given.get("upstash-method", "POST").upper()
    if method not in METHODS:
        raise Refused(f"invalid method: {method[:10]}")
    if "upstash-queue-name" in given:
        raise Refused("this local server has no queues")
    return Draft(
        destination=_url(destination, "destination"),
        body=body,
        method=method,
        headers=forwarded(given),
        retries=_retries(given.get("upstash-retries")),
        retry_delay=_retry_delay(given.get("upstash-retry-delay")),
        delay_seconds=_duration(given.get("upstash-delay"), "delay", default=0.0),
        not_before=_not_before(given.get("upstash-not-before")),
        timeout_seconds=_timeout(given.get("upstash-timeout")),
        callback=callback,
        callback_headers=callback_headers,
        failure_callback=failure_callback,
        failure_callback_headers=failure_callback_headers,
        flow_key=flow_key,
        flow_parallelism=parallelism,
        label=given.get("upstash-label"),
        deduplication_id=_deduplication_id(given, destination, body),
    )


def forwarded(given: Mapping[str, str]) -> dict[str, str]:
    """The headers that the destination gets, out of all headers with lower-case names."""
    headers = {
        name.removeprefix(FORWARD): value
        for name, value in given.items()
        if name.startswith(FORWARD) and name.removeprefix(FORWARD) not in NEVER_FORWARDED
    }
    if "content-type" in given:
        headers.setdefault("content-type", given["content-type"])
    return headers


def _check_values(given: Mapping[str, str]) -> None:
    """Refuse what no HTTP header can carry: a batch brings its headers as JSON."""
    for name, value in given.items():
        if not _NAME.fullmatch(name.removeprefix(FORWARD)) or _UNSENDABLE.search(value):
            raise Refused(f"invalid header: {name[:60]!r}")


def _url(value: str, name: str) -> str:
    try:
        # Two readers, each stricter than the other somewhere: the second one will send it.
        urlsplit(value)
        url = httpx.URL(value)
    except (ValueError, httpx.InvalidURL) as error:
        raise Refused(f"invalid {name} url: it cannot be read") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Refused(f"invalid {name} url: it must start with http:// or https://")
    return value


def _callback(given: Mapping[str, str], prefix: str) -> tuple[str | None, dict[str, str]]:
    """A callback's URL, and the headers that it will be published with."""
    name = prefix.removesuffix("-")
    settings = {
        f"upstash-{setting}": value
        for key, value in given.items()
        if (setting := key.removeprefix(prefix)) != key
        and (setting in CALLBACK_SETTINGS or setting.startswith("forward-"))
    }
    url = given.get(name)
    if not url:
        return None, {}
    _url(url, name.removeprefix("upstash-"))
    # Read once now, so that a bad setting is refused here and not lost later.
    read(url, settings, b"")
    return url, settings


def _retries(value: str | None) -> int:
    if value is None:
        return DEFAULT_RETRIES
    if not _WHOLE.fullmatch(value):
        raise Refused("invalid retries: a whole number is expected")
    if int(value) > MOST_RETRIES:
        raise Refused(f"maximum number of retries exceeded: {value} of {MOST_RETRIES}")
    return int(value)


def _retry_delay(expression: str | None) -> str | None:
    if expression is None:
        return None
    try:
        delay.seconds(expression, retried=0)
    except delay.BadExpression as error:
        raise Refused(f"invalid retry delay expression: {error}") from error
    return expression


def _not_before(value: str | None) -> float:
    if value is None:
        return 0.0
    if not _WHOLE.fullmatch(value) or int(value) > 1 << 34:
        raise Refused("invalid not before: unix seconds are expected")
    return float(value)


def _timeout(value: str | None) -> float:
    seconds = _duration(value, "timeout", default=MOST_TIMEOUT_SECONDS)
    if not seconds:
        raise Refused("invalid timeout: it must be longer than nothing")
    return min(seconds, MOST_TIMEOUT_SECONDS)


def _duration(value: str | None, name: str, *, default: float) -> float:
    if value is None:
        return default
    found = _DURATION.fullmatch(value)
    if found is None or not value or len(value) > delay.MOST_CHARACTERS:
        raise Refused(f"invalid {name}: {value[:20]!r}")
    parts = zip(found.groups(), _UNIT_SECONDS, strict=True)
    seconds = sum(int(number) * unit for number, unit in parts if number)
    if seconds > MOST_DELAY_SECONDS:
        raise Refused(f"invalid {name}: it must not be longer than a year")
    return float(seconds)


def _deduplication_id(given: Mapping[str, str], destination: str, body: bytes) -> str | None:
    own = given.get("upstash-deduplication-id")
    if own:
        if ":" in own:
            raise Refused("DeduplicationId cannot contain ':'")
        return own
    if given.get("upstash-content-based-deduplication", "").lower() != "true":
        return None
    digest = hashlib.sha256(destination.encode() + b"\0" + body)
    for name in sorted(given):
        if name.startswith("upstash-") or name == "content-type":
            digest.update(f"\0{name}\0{given[name]}".encode())
    return f"content-{digest.hexdigest()}"


def _flow_control(given: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Key and parallelism; rates are refused, since nothing here would keep them."""
    key = given.get("upstash-flow-control-key")
    if not key:
        return None, None
    parallelism = None
    for part in given.get("upstash-flow-control-value", "").split(","):
        name, _, value = part.strip().partition("=")
        if name in {"rate", "ratePerSecond", "period"}:
            raise Refused("this local server keeps parallelism only, not rates")
        if name == "parallelism":
            if not _WHOLE.fullmatch(value) or not 1 <= int(value) <= MOST_PARALLELISM:
                raise Refused("invalid flow control value: parallelism must be at least 1")
            parallelism = int(value)
    if parallelism is None:
        raise Refused("invalid flow control value: parallelism is missing")
    return key, parallelism
