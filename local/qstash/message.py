"""A message as it is published: headers → a checked value, with QStash's own refusals."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.qstash import delay

MOST_RETRIES = 20
DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT_SECONDS = 900
"""How long QStash waits for an answer on its smallest plan."""
FORWARD = "upstash-forward-"
FAILURE_FORWARD = "upstash-failure-callback-forward-"
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})


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
    """Those that the destination gets."""
    retries: int = DEFAULT_RETRIES
    retry_delay: str | None = None
    not_before: float = 0.0
    """Unix seconds."""
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    callback: str | None = None
    failure_callback: str | None = None
    failure_retries: int = DEFAULT_RETRIES
    failure_headers: dict[str, str] = field(default_factory=dict)
    flow_key: str | None = None
    flow_parallelism: int | None = None
    label: str | None = None
    deduplication_id: str | None = None
    schedule_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All fields but the body, for a column."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "body"}


def read(destination: str, headers: Mapping[str, str], body: bytes) -> Draft:
    """Check what was published.

    Raises:
        Refused: as QStash refuses it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    flow_key, parallelism = _flow_control(given)
    deduplication_id = given.get("upstash-deduplication-id")
    if deduplication_id and ":" in deduplication_id:
        raise Refused("DeduplicationId cannot contain ':'")
    method = given.get("upstash-method", "POST").upper()
    if method not in METHODS:
        raise Refused(f"invalid method: {method[:10]}")
    return Draft(
        destination=_url(destination, "destination"),
        body=body,
        method=method,
        headers=_forwarded(given),
        retries=_count(given, "upstash-retries", most=MOST_RETRIES),
        retry_delay=_retry_delay(given),
        not_before=_not_before(given),
        timeout_seconds=min(
            _seconds(given.get("upstash-timeout"), DEFAULT_TIMEOUT_SECONDS),
            DEFAULT_TIMEOUT_SECONDS,
        ),
        callback=_optional_url(given, "upstash-callback"),
        failure_callback=_optional_url(given, "upstash-failure-callback"),
        failure_retries=_count(given, "upstash-failure-callback-retries", most=MOST_RETRIES),
        failure_headers={
            name.removeprefix(FAILURE_FORWARD): value
            for name, value in given.items()
            if name.startswith(FAILURE_FORWARD)
        },
        flow_key=flow_key,
        flow_parallelism=parallelism,
        label=given.get("upstash-label"),
        deduplication_id=deduplication_id,
    )


def _forwarded(given: Mapping[str, str]) -> dict[str, str]:
    headers = {
        name.removeprefix(FORWARD): value
        for name, value in given.items()
        if name.startswith(FORWARD)
    }
    if "content-type" in given:
        headers.setdefault("content-type", given["content-type"])
    return headers


def _url(value: str, name: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(f"invalid {name} url: it must start with http:// or https://")
    return value


def _optional_url(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name)
    return _url(value, name.removeprefix("upstash-")) if value else None


def _count(given: Mapping[str, str], name: str, *, most: int) -> int:
    value = given.get(name)
    if value is None:
        return DEFAULT_RETRIES
    if not value.isdigit():
        raise Refused(f"invalid {name}: a whole number is expected")
    if int(value) > most:
        raise Refused(f"maximum number of retries exceeded: {value[:10]} of {most}")
    return int(value)


def _retry_delay(given: Mapping[str, str]) -> str | None:
    expression = given.get("upstash-retry-delay")
    if expression is None:
        return None
    try:
        delay.seconds(expression, retried=0)
    except delay.BadExpression as error:
        raise Refused(f"invalid retry delay expression: {error}") from error
    return expression


def _not_before(given: Mapping[str, str]) -> float:
    if "upstash-not-before" in given:
        value = given["upstash-not-before"]
        if not value.isdigit():
            raise Refused("invalid not before: unix seconds are expected")
        return float(value)
    waiting = _seconds(given.get("upstash-delay"), 0)
    return time.time() + waiting if waiting else 0.0


def _seconds(value: str | None, default: float) -> float:
    """A duration like `1d2h3m4s`, or plain seconds."""
    if value is None:
        return default
    if value.isdigit():
        return float(value)
    found = _DURATION.fullmatch(value)
    if found is None or not value:
        raise Refused(f"invalid duration: {value[:20]}")
    return float(
        sum(int(n) * unit for n, unit in zip(found.groups(), _UNIT_SECONDS, strict=True) if n)
    )


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
            if not value.isdigit() or int(value) < 1:
                raise Refused("invalid flow control value: parallelism must be at least 1")
            parallelism = int(value)
    if parallelism is None:
        raise Refused("invalid flow control value: parallelism is missing")
    return key, parallelism
