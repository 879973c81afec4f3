"""Callbacks: messages that tell somebody else what became of an attempt, or of a message."""

from __future__ import annotations

import base64
import json

from local.qstash.message import Draft, read
from local.qstash.store import Answer, Stored, header_json, milliseconds


def attempt_callback(stored: Stored, answer: Answer) -> Draft | None:
    """What tells of an attempt, or None where nobody wants to know."""
    draft = stored.draft
    if draft.callback is None:
        return None
    return _callback(stored, answer, url=draft.callback, settings=draft.callback_headers)


def failure_callback(stored: Stored, answer: Answer, *, dead_id: str) -> Draft | None:
    """What tells that a message was given up, or None where nobody wants to know."""
    draft = stored.draft
    if draft.failure_callback is None:
        return None
    return _callback(
        stored,
        answer,
        url=draft.failure_callback,
        settings=draft.failure_callback_headers,
        dead_id=dead_id,
    )


def _callback(
    stored: Stored,
    answer: Answer,
    *,
    url: str,
    settings: dict[str, str],
    dead_id: str | None = None,
) -> Draft:
    draft = stored.draft
    body = {
        "status": answer.status,
        "header": header_json(answer.headers),
        "body": base64.b64encode(answer.body).decode(),
        "retried": stored.retried,
        "maxRetries": draft.retries,
        "dlqId": dead_id,
        "sourceMessageId": stored.id,
        "url": draft.destination,
        "method": draft.method,
        "sourceHeader": header_json(draft.headers),
        "sourceBody": base64.b64encode(draft.body).decode(),
        "notBefore": milliseconds(draft.not_before),
        "createdAt": milliseconds(stored.created_at),
        "scheduleId": draft.schedule_id,
    }
    # Retried as the message itself is, where nothing else was said.
    usual = {"content-type": "application/json", "upstash-retries": str(draft.retries)}
    if draft.retry_delay:
        usual["upstash-retry-delay"] = draft.retry_delay
    shown = {name: value for name, value in body.items() if value is not None}
    return read(url, {**usual, **settings}, json.dumps(shown).encode())
