"""Tell the company's app that a session is completed or has failed, by a signed webhook.

As Standard Webhooks has it: `webhook-id` stays the same over retries, the signature covers id,
time and body. The body names ids and a code, never what was said. Told at least once: at the end
of the run, then by the sweeper with growing waits, for a day.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from standardwebhooks import Webhook

from pipeline import meters, tracing
from pipeline.database import notices
from pipeline.database.engine import transaction
from pipeline.database.notices import Notice
from pipeline.services import Services

if TYPE_CHECKING:
    import httpx2

TIMEOUT_SECONDS = 5.0
AT_MOST = 100
"""Notices that one call takes."""
NOT_TOLD = "NOT_TOLD"
"""The code of a span whose notice the app did not take."""

log = logging.getLogger(__name__)


class NotTold(Exception):
    """The app did not take it; the message is a word for the log and the trace."""


def tell(services: Services, *, run_id: UUID | None = None) -> tuple[int, int]:
    """Tell what is untold, of one run where one is named: how many were told, and how many not.

    Without `NOTIFY_URL` and `NOTIFY_SECRET` nobody is told.

    Raises:
        DatabaseUnavailable: what was told may be told again.
    """
    settings = services.settings
    if settings.notify_url is None or settings.notify_secret is None:
        return 0, 0
    with transaction(services.engine) as db:
        untold = notices.take_untold(db, now=services.now(), limit=AT_MOST, run_id=run_id)
    told = sum(_is_told(services, notice) for notice in untold)
    return told, len(untold) - told


def _is_told(services: Services, notice: Notice) -> bool:
    """Tell the app of one end, and write down that it took it; False: it did not."""
    ids = _ids(notice)
    with tracing.call("app notice", **ids) as note:
        try:
            _post(services, notice)
        except NotTold as reason:
            note(failed=NOT_TOLD, reason=str(reason))
            services.meters.noticed(meters.GIVEN_UP if notice.is_last_try else meters.NOT_TOLD)
            event = "notice_given_up" if notice.is_last_try else "notice_not_told"
            log.warning(event, extra={**ids, "reason": str(reason)})
            return False
    services.meters.noticed(meters.TOLD)
    with transaction(services.engine) as db:
        notices.mark_told(db, notice)
    log.info("notice_told", extra=ids)
    return True


def _post(services: Services, notice: Notice) -> None:
    import httpx2

    settings = services.settings
    url = urlsplit(settings.require("NOTIFY_URL"))
    may_be_private = settings.app_env == "local"
    body = json.dumps(
        {
            "type": f"session.{notice.outcome}",
            "timestamp": notice.finished_at.isoformat(),
            "data": {
                "sessionId": str(notice.session_id),
                "runId": str(notice.run_id),
                "userId": notice.user_id,
                "errorCode": notice.error_code,
            },
        }
    )
    message_id, now = f"{notice.run_id}.{notice.outcome}", services.now()
    try:
        signature = Webhook(settings.require("NOTIFY_SECRET")).sign(message_id, now, body)
    except ValueError as error:
        raise NotTold("NOTIFY_SECRET is not base64") from error
    # The address that was looked at is the one that is called: a name may change between the two.
    place = url._replace(netloc=_netloc(url, address_of(url, may_be_private=may_be_private)))
    try:
        answer = _client().post(
            place.geturl(),
            content=body.encode(),
            headers={
                "Host": url.netloc.rpartition("@")[2],
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature,
            },
            extensions={"sni_hostname": url.hostname or ""},
        )
    except httpx2.HTTPError as error:
        raise NotTold(type(error).__name__) from error
    if not answer.is_success:
        raise NotTold(f"HTTP {answer.status_code}")


def address_of(url: SplitResult, *, may_be_private: bool) -> str:
    """The address behind a webhook's name.

    Raises:
        NotTold: it is none of the internet, and the machine's own network is not to be called.
    """
    try:
        found = socket.getaddrinfo(url.hostname, url.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotTold("the name has no address") from error
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not may_be_private and (url.scheme != "https" or not all(a.is_global for a in addresses)):
        raise NotTold("not an address of the internet behind https")
    return str(addresses[0])


def _netloc(url: SplitResult, address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{url.port}" if url.port else host


@cache
def _client() -> httpx2.Client:
    """One for the process: it holds connections, and follows no redirect."""
    import httpx2

    return httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)


def _ids(notice: Notice) -> dict[str, str]:
    return {"session": str(notice.session_id), "run": str(notice.run_id)}
