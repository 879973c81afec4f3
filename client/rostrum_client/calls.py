"""One call over HTTP: sent, sent again where that is safe, and read."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from rostrum_client.errors import NOT_OURS, RostrumError, no_answer, refusal
from rostrum_client.models import Model

UNREAD = frozenset[int | None]({429})
"""Refused before it was looked at: any call may be made again."""
UNDONE = UNREAD | {503}
"""And where the server says that nothing came of it, for calls that may be made twice."""
LOST = UNDONE | {None}
"""And where no answer came, for calls whose second time changes and answers nothing else."""
FIRST_WAIT_SECONDS = 0.5

M = TypeVar("M", bound=Model)


class Calls:
    """Sends requests with the patience that the client was given."""

    def __init__(self, http: httpx2.Client, *, patience_seconds: float) -> None:
        self._http = http
        self._patience_seconds = patience_seconds

    def send(
        self, method: str, url: str, *, again: frozenset[int | None], **request: Any
    ) -> httpx2.Response:
        """The answer, a success; `again` says after which statuses it may be sent once more.

        Raises:
            RostrumError: it was refused, or no answer came.
        """
        ends_at, wait = time.monotonic() + self._patience_seconds, FIRST_WAIT_SECONDS
        while True:
            try:
                return self._once(method, url, **request)
            except RostrumError as error:
                pause = wait if error.retry_after is None else error.retry_after
                if error.status not in again or time.monotonic() + pause > ends_at:
                    raise
            time.sleep(pause)
            wait *= 2

    def _once(self, method: str, url: str, **request: Any) -> httpx2.Response:
        if hasattr(request.get("content"), "seek"):
            # A try before may have read some of it. Files in forms are rewound by httpx2.
            request["content"].seek(0)
        try:
            answer = self._http.request(method, url, **request)
        except httpx2.TransportError as error:
            raise no_answer(error) from error
        if not answer.is_success:
            raise refusal(answer)
        return answer


def read(model: type[M], answer: httpx2.Response) -> M:
    """The answer's JSON as `model`.

    Raises:
        RostrumError: it is something else; what it is stays out of the message.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        places = {".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)}
        raise RostrumError(
            f"The answer is no {model.__name__}: {', '.join(sorted(places))}.",
            code=NOT_OURS,
            status=answer.status_code,
        ) from None
