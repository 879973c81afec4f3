"""What Rostrum tells your app when a run has ended: verified, then read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from rostrum_client.models import Model


class ForgedNotice(Exception):
    """The signature is missing, wrong or too old: do not believe it, and answer 401."""


class NoticeData(Model):
    """Whose run it was."""

    session_id: str
    run_id: str
    user_id: str
    error_code: str | None


class Notice(Model):
    """The end of one run. The same one may come twice."""

    type: Literal["session.completed", "session.failed"]
    timestamp: datetime
    data: NoticeData


def verified_notice(secret: str, *, body: bytes, headers: Mapping[str, str]) -> Notice:
    """The notice in a request to your webhook. `body` is what came, byte for byte.

    Raises:
        ForgedNotice: it is not signed with `secret`, or longer than five minutes ago.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        Webhook(secret).verify(body, lower)
        return Notice.model_validate_json(body)
    except (WebhookVerificationError, ValidationError) as error:
        raise ForgedNotice("This is no notice of Rostrum's.") from error
