"""QStash, the publishing side: a session's run, the sweeper's schedule, dead letters."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline import tracing
from pipeline.errors import (
    InvalidInput,
    NotFound,
    QueueUnavailable,
    RateLimited,
    RostrumError,
)
from pipeline.retry_after import seconds_in
from pipeline.settings import Settings

if TYPE_CHECKING:
    import httpx
    from qstash import QStash
    from qstash.dlq import DlqMessage

RETRIES = 3
"""Deliveries after the first; the last one is known by comparing `Upstash-Retried` with it."""
ANSWER_SECONDS = 60
"""QStash waits so much longer for an answer than a delivery may take: it hears how it ended."""
LONGEST_RETRY_DELAY_SECONDS = 600
"""What `Settings.queue_retry_delay` comes to at most."""
FLOW_CONTROL_KEY = "rostrum-process"
LABEL = "rostrum-process"
SWEEP_SCHEDULE_ID = "rostrum-sweep"
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 10
REHEARSAL_DELAY_SECONDS = 3600
"""Long enough to take the message back; and what stays calls /healthz once."""
MOST_LETTERS = 100
"""Dead letters that QStash lists at once."""
# The SDK puts an id into the path as it is: nothing may stand in it that leads elsewhere.
_LETTER_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that QStash gave up, as it came."""

    dlq_id: str
    url: str
    """Where it was to be delivered."""
    status: int | None
    """HTTP status of the last answer; None: none came."""
    body: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    """Body of the last answer, whoever gave it."""
    most_deliveries: int
    """How many deliveries it was published for."""
    created_at: datetime
    """When the message was published."""


@dataclass(frozen=True, slots=True)
class SweepSchedule:
    """How QStash calls the sweeper."""

    destination: str
    cron: str
    is_paused: bool


class Queue:
    """The publishing side."""

    def __init__(self, client: QStash, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    @classmethod
    def connect(cls, settings: Settings) -> Queue:
        """A client for the configured account; nothing is sent yet.

        Raises:
            ConfigurationMissing: there is no QSTASH_TOKEN.
        """
        token = settings.require("QSTASH_TOKEN")
        import httpx
        from qstash import QStash

        # The sweeper publishes again what did not get through: no retries of the SDK's own.
        client = QStash(token, retry=False, base_url=settings.qstash_url)
        # The SDK has no option for its read timeout of ten minutes, and its exceptions lose the
        # headers of an answer and repeat its text.
        transport = client.http._client  # noqa: SLF001 - no public way, see above
        transport.timeout = httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
        transport.event_hooks = {"response": [_refuse]}
        return cls(client, settings)

    def enqueue_processing(self, session_id: UUID, *, run_id: UUID, publication: int) -> str:
        """Publish one run of a session for delivery to the webhook; the message's id.

        The deduplication id names the run and which publication of it this is, so that a
        publish which is repeated blindly makes one message, and an intended one is not
        swallowed.

        Raises:
            QueueUnavailable, RateLimited: the message was not taken, or its answer was lost.
        """
        from qstash.message import PublishResponse

        settings = self._settings
        with tracing.publishing() as headers, _as_ours():
            taken = self._client.message.publish_json(
                url=settings.process_url,
                headers=headers,
                body={"sessionId": str(session_id), "runId": str(run_id)},
                retries=RETRIES,
                retry_delay=settings.queue_retry_delay,
                deduplication_id=f"{run_id}-{publication}",
                failure_callback=settings.failed_url,
                timeout=settings.delivery_seconds + ANSWER_SECONDS,
                label=LABEL,
                flow_control={
                    "key": FLOW_CONTROL_KEY,
                    "parallelism": settings.pipeline_parallelism,
                },
            )
        if not (isinstance(taken, PublishResponse) and taken.message_id):
            raise QueueUnavailable
        return str(taken.message_id)

    def is_waiting(self, message_id: str) -> bool:
        """Whether a message is in the queue's hands still: waiting, or between two deliveries.

        Raises:
            QueueUnavailable, RateLimited: it does not say.
        """
        gone = NotFound("There is no such message.")
        try:
            with _as_ours(gone):
                self._client.message.get(message_id)
        except NotFound:
            return False
        return True

    def schedule_sweep(self, *, cron: str) -> None:
        """Create or update the schedule that calls the sweeper.

        Raises:
            QueueUnavailable, RateLimited: the schedule was not taken.
        """
        with _as_ours():
            self._client.schedule.create(
                schedule_id=SWEEP_SCHEDULE_ID,
                destination=self._settings.sweep_url,
                cron=cron,
                retries=0,
            )

    def sweep_schedule(self) -> SweepSchedule | None:
        """The schedule that calls the sweeper; None: there is none.

        Raises:
            QueueUnavailable, RateLimited: QStash does not say.
        """
        with _as_ours():
            found = [
                schedule
                for schedule in self._client.schedule.list()
                if schedule.schedule_id == SWEEP_SCHEDULE_ID
            ]
            return next(
                (SweepSchedule(one.destination, one.cron, bool(one.paused)) for one in found), None
            )

    def rehearse(self) -> None:
        """Publish a message far ahead of its time, and take it back: nothing is delivered.

        Raises:
            QueueUnavailable, RateLimited: QStash did not take it, or did not give it back.
        """
        from qstash.message import PublishResponse

        with _as_ours():
            taken = self._client.message.publish(
                url=f"{self._settings.app_url.rstrip('/')}/healthz",
                method="GET",
                retries=0,
                delay=REHEARSAL_DELAY_SECONDS,
            )
            if not isinstance(taken, PublishResponse):
                raise QueueUnavailable
            self._client.message.cancel(taken.message_id)

    def letters(
        self, *, cursor: str | None = None, limit: int = MOST_LETTERS
    ) -> tuple[list[Letter], str | None]:
        """A page of the account's dead letters, and the cursor of the next one.

        Raises:
            InvalidInput: QStash does not take the cursor.
            QueueUnavailable: it does not answer.
        """
        bad = InvalidInput("The cursor is not one that a page gave.") if cursor else None
        with _as_ours(bad):
            page = self._client.dlq.list(cursor=cursor, count=limit)
            return [_letter(message) for message in page.messages], page.cursor or None

    def letter(self, dlq_id: str) -> Letter:
        """One dead letter.

        Raises:
            NotFound: there is none of this id.
            QueueUnavailable: QStash does not answer.
        """
        with _as_ours(_no_letter()):
            return _letter(self._client.dlq.get(_path_safe(dlq_id)))

    def retry_letter(self, dlq_id: str) -> str | None:
        """Turn a dead letter into a new message with deliveries of its own; its id, if told.

        The SDK has no method for it: its own client sends the call of the REST API.

        Raises:
            NotFound: there is none of this id.
            QueueUnavailable: no new message was made.
        """
        with _as_ours(_no_letter()):
            made = self._client.http.request(
                path=f"/v2/dlq/retry/{_path_safe(dlq_id)}", method="POST"
            )
            if made.get("deduplicated"):
                raise ValueError("QStash took the retry for a repetition and sent nothing")
            told = made.get("messageId")
        return str(told) if told else None

    def delete_letter(self, dlq_id: str) -> None:
        """Delete a dead letter.

        Raises:
            NotFound: there is none of this id.
            QueueUnavailable: QStash does not answer.
        """
        with _as_ours(_no_letter()):
            self._client.dlq.delete(_path_safe(dlq_id))

    def close(self) -> None:
        """Give back the connections."""
        self._client.http._client.close()  # noqa: SLF001 - the SDK has no close of its own

    def ping(self) -> None:
        """Ask whether QStash answers and takes our token.

        Raises:
            QueueUnavailable, RateLimited: it does not.
        """
        with _as_ours():
            self._client.schedule.list()


def _no_letter() -> NotFound:
    return NotFound("There is no such dead letter.")


def _path_safe(dlq_id: str) -> str:
    if not _LETTER_ID.fullmatch(dlq_id):
        raise _no_letter()
    return dlq_id


def _letter(message: DlqMessage) -> Letter:
    return Letter(
        dlq_id=message.dlq_id,
        url=message.url,
        status=message.response_status or None,
        body=_content(message.body, message.body_base64),
        answer=_content(message.response_body, message.response_body_base64),
        most_deliveries=message.max_retries + 1,
        created_at=datetime.fromtimestamp(message.created_at / 1000, UTC),
    )


def _content(text: str | None, encoded: str | None) -> bytes:
    """A body as QStash shows it: text, or base64 where it is not UTF-8."""
    return base64.b64decode(encoded) if encoded else (text or "").encode()


class _Refusal(Exception):
    """QStash answered, and not with a success. Its text stays behind."""

    def __init__(self, answered: int, retry_after: float | None) -> None:
        super().__init__(answered)
        self.answered = answered
        self.retry_after = retry_after


def _refuse(response: httpx.Response) -> None:
    if not response.is_success:
        raise _Refusal(response.status_code, seconds_in(response.headers))


@contextmanager
def _as_ours(refused: RostrumError | None = None) -> Iterator[None]:
    """Turn what the SDK and its transport raise into our errors.

    `refused` is what it means that QStash answers 400 or 404, where that is about our input.
    """
    import httpx

    try:
        yield
    except _Refusal as refusal:
        if refused is not None and refusal.answered in {400, 404}:
            raise refused from refusal
        raise _by_status(refusal) from refusal
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise QueueUnavailable from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The SDK looks into an answer of 2xx without asking first what it is.
        raise QueueUnavailable from error


def _by_status(refusal: _Refusal) -> RostrumError:
    if refusal.answered == 429:  # noqa: PLR2004 - HTTP's own number
        return RateLimited("The queue asked us to slow down.", retry_after=refusal.retry_after)
    return QueueUnavailable(retry_after=refusal.retry_after)
