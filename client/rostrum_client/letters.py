"""Dead letters as the API answers them, and what became of those that were retried."""

from __future__ import annotations

from datetime import datetime

from rostrum_client.models import Model, Status


class DeadLetter(Model):
    """A message that the queue gave up, and where its session stands now."""

    id: str
    purpose: str
    session_id: str | None
    run_id: str | None
    response_status: int | None
    code: str | None
    deliveries: int | None
    created_at: datetime
    user_id: str | None
    title: str | None
    session_status: Status | None
    attempts: int | None
    is_newest_run: bool
    retryable: bool
    reason: str | None


class LetterPage(Model):
    """Some of the dead letters, in the queue's order."""

    letters: list[DeadLetter]
    next_cursor: str | None


class Retried(Model):
    """A run that is open again."""

    session_id: str
    run_id: str
    queued: bool


class RetryReport(Model):
    """What became of the letters that matched; `more`: call again."""

    retried: int
    refused: int
    failed: int
    more: bool
