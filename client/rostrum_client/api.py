"""Rostrum's API as one object: a method for each operation."""

from __future__ import annotations

import mimetypes
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

import httpx2

from rostrum_client.calls import LOST, UNDONE, UNREAD, Calls, read
from rostrum_client.errors import NOT_OURS, STORAGE_REFUSED, RostrumError
from rostrum_client.letters import DeadLetter, LetterPage, Retried, RetryReport
from rostrum_client.models import (
    Announced,
    Consents,
    LearnerExport,
    Page,
    Profile,
    Receipt,
    Run,
    Session,
    SessionDetail,
    Status,
)

CONNECT_SECONDS = 5.0
SESSIONS = "/api/sessions"
LETTERS = "/api/dead-letters"


class Rostrum:
    """A client; close it, or use it in a `with` block. Safe to share between threads.

    Every method raises `RostrumError` where the call did not go well.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None,
        timeout_seconds: float = 30.0,
        upload_timeout_seconds: float = 300.0,
        patience_seconds: float = 60.0,
    ) -> None:
        """`base_url` is the server's, `token` its bearer token; None on the server's own machine.

        An upload is answered once it was decoded, so it may take longer than other calls.
        `patience_seconds` bounds how long a call is tried again.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=base_url,
            headers=headers,
            timeout=httpx2.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
        )
        # The storage is somebody else: it must not see our token.
        self._storage = httpx2.Client(
            timeout=httpx2.Timeout(upload_timeout_seconds, connect=CONNECT_SECONDS)
        )
        self._calls = Calls(self._http, patience_seconds=patience_seconds)
        self._storage_calls = Calls(self._storage, patience_seconds=patience_seconds)
        self._upload_timeout = httpx2.Timeout(upload_timeout_seconds, connect=CONNECT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()
        self._storage.close()

    def upload(
        self,
        audio: str | Path,
        *,
        user_id: str,
        title: str | None = None,
        language: str = "en",
        idempotency_key: str | None = None,
    ) -> Session:
        """Send a recording through the API; it is streamed from its file.

        The same `idempotency_key` with the same learner within a day answers with the first
        session. Without one the call makes its own, so that it can be tried again.
        """
        form = {"userId": user_id, "language": language, **({"title": title} if title else {})}
        key = idempotency_key or str(uuid.uuid4())
        with Path(audio).open("rb") as file:
            answer = self._calls.send(
                "POST",
                SESSIONS,
                again=LOST,
                data=form,
                # Its own name may say whose it is, and nobody asks for it.
                files={"audio": ("recording", file)},
                headers={"Idempotency-Key": key},
                timeout=self._upload_timeout,
            )
        return read(Session, answer)

    def upload_to_storage(
        self,
        audio: str | Path,
        *,
        user_id: str,
        title: str | None = None,
        language: str = "en",
        content_type: str | None = None,
    ) -> Session:
        """Send a recording straight to the storage: announce it, PUT it, confirm it.

        `content_type` is guessed from the file's name where it is not given.
        """
        path = Path(audio)
        announced = self.announce(
            user_id=user_id,
            content_type=content_type or mimetypes.guess_type(path.name)[0] or "audio/mpeg",
            size_bytes=path.stat().st_size,
            title=title,
            language=language,
        )
        self.put(path, announced)
        return self.confirm(announced.id)

    def announce(
        self,
        *,
        user_id: str,
        content_type: str,
        size_bytes: int,
        title: str | None = None,
        language: str = "en",
    ) -> Announced:
        """Say that a recording comes, and learn where to PUT it: for an app that sends itself."""
        wanted = {
            "userId": user_id,
            "contentType": content_type,
            "sizeBytes": size_bytes,
            "title": title,
            "language": language,
        }
        answer = self._calls.send("POST", f"{SESSIONS}/uploads", again=UNREAD, json=wanted)
        return read(Announced, answer)

    def put(self, audio: str | Path, announced: Announced) -> None:
        """Send an announced recording to the storage, streamed from its file."""
        target = announced.upload
        with Path(audio).open("rb") as file:
            try:
                self._storage_calls.send(
                    target.method, target.url, again=LOST, content=file, headers=target.headers
                )
            except RostrumError as error:
                if error.code != NOT_OURS:
                    raise
                raise RostrumError(
                    "The storage did not take the recording.",
                    code=STORAGE_REFUSED,
                    status=error.status,
                ) from None

    def confirm(self, session_id: str) -> Session:
        """The recording was PUT: have it processed. Repeating changes nothing."""
        answer = self._calls.send("POST", f"{SESSIONS}/{_part(session_id)}/uploaded", again=LOST)
        return read(Session, answer)

    def sessions(
        self,
        *,
        user_id: str | None = None,
        status: Status | None = None,
        q: str | None = None,
    ) -> Iterator[Session]:
        """All sessions that match, newest first, asked for page by page as they are needed."""
        cursor: str | None = None
        while True:
            page = self.page(user_id=user_id, status=status, q=q, limit=100, cursor=cursor)
            yield from page.sessions
            if (cursor := page.next_cursor) is None:
                return

    def page(
        self,
        *,
        user_id: str | None = None,
        status: Status | None = None,
        q: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """One page of sessions; `q` looks in titles and learner ids."""
        query = {"userId": user_id, "status": status, "q": q, "limit": limit, "cursor": cursor}
        return read(Page, self._calls.send("GET", SESSIONS, again=LOST, params=_given(query)))

    def session(self, session_id: str) -> SessionDetail:
        """One session with transcript, insights, metrics, runs and events."""
        answer = self._calls.send("GET", f"{SESSIONS}/{_part(session_id)}", again=LOST)
        return read(SessionDetail, answer)

    def wait_until_finished(
        self, session_id: str, *, timeout_seconds: float = 900.0, poll_seconds: float = 2.0
    ) -> SessionDetail:
        """The session, once its newest run is over: `COMPLETED`, or `FAILED` and no retry is due.

        Your webhook is told sooner (`verified_notice`); this is for scripts.

        Raises:
            TimeoutError: it is not over yet.
        """
        ends_at = time.monotonic() + timeout_seconds
        while True:
            found = self.session(session_id)
            newest = max(found.runs, key=lambda run: run.number, default=None)
            if newest is not None and newest.outcome is not None:
                return found
            if time.monotonic() + poll_seconds > ends_at:
                raise TimeoutError(f"The session is still {found.status}.")
            time.sleep(poll_seconds)

    def export_session(
        self, session_id: str, form: Literal["markdown", "html", "json"] = "markdown"
    ) -> str:
        """One session as the content of a file: the learner's report, or everything as JSON."""
        url = f"{SESSIONS}/{_part(session_id)}/export"
        return self._calls.send("GET", url, again=LOST, params={"format": form}).text

    def run_again(self, session_id: str, *, scope: Literal["full", "analysis"] = "analysis") -> Run:
        """Ask for another run; what is shown stays until it has succeeded."""
        url = f"{SESSIONS}/{_part(session_id)}/runs"
        return read(Run, self._calls.send("POST", url, again=UNREAD, json={"scope": scope}))

    def delete_session(self, session_id: str) -> None:
        """Delete audio, rows and the session's share of the profile."""
        self._calls.send("DELETE", f"{SESSIONS}/{_part(session_id)}", again=UNDONE)

    def pattern_profile(self, user_id: str) -> Profile:
        """A learner's patterns, focuses and metric trends."""
        url = f"{_user(user_id)}/pattern-profile"
        return read(Profile, self._calls.send("GET", url, again=LOST))

    def export_learner(self, user_id: str) -> LearnerExport:
        """Everything held on a learner."""
        answer = self._calls.send("GET", f"{_user(user_id)}/export", again=LOST)
        return read(LearnerExport, answer)

    def consents(self, user_id: str) -> Consents:
        """What a learner agrees to."""
        return read(Consents, self._calls.send("GET", f"{_user(user_id)}/consents", again=LOST))

    def write_consents(
        self,
        user_id: str,
        *,
        audio_storage: bool,
        transcript_storage: bool,
        pattern_tracking: bool,
    ) -> Consents:
        """Write down what a learner agrees to, before the first upload; it is obeyed at once."""
        agreed = {
            "audioStorage": audio_storage,
            "transcriptStorage": transcript_storage,
            "patternTracking": pattern_tracking,
        }
        url = f"{_user(user_id)}/consents"
        return read(Consents, self._calls.send("PUT", url, again=LOST, json=agreed))

    def erase_learner(self, user_id: str) -> Receipt:
        """Delete everything held on a learner; the receipt says how much that was."""
        return read(Receipt, self._calls.send("DELETE", _user(user_id), again=UNDONE))

    def dead_letters(self, *, code: str | None = None) -> Iterator[DeadLetter]:
        """What the queue gave up, of one code where one is given, page by page."""
        cursor: str | None = None
        while True:
            query = _given({"code": code, "cursor": cursor})
            answer = self._calls.send("GET", LETTERS, again=LOST, params=query)
            page = read(LetterPage, answer)
            yield from page.letters
            if (cursor := page.next_cursor) is None:
                return

    def retry_dead_letter(self, letter_id: str) -> Retried:
        """Open its run again and have the queue deliver it."""
        url = f"{LETTERS}/{_part(letter_id)}/retry"
        return read(Retried, self._calls.send("POST", url, again=UNREAD))

    def retry_dead_letters(self, *, code: str | None = None) -> RetryReport:
        """Retry all that a retry can help, a hundred at most; `more`: call again."""
        answer = self._calls.send("POST", f"{LETTERS}/retry", again=UNREAD, json={"code": code})
        return read(RetryReport, answer)

    def delete_dead_letter(self, letter_id: str) -> None:
        """Forget it; its session stays as it is."""
        self._calls.send("DELETE", f"{LETTERS}/{_part(letter_id)}", again=UNDONE)


def _given(query: dict[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in query.items() if value is not None}


def _part(value: str) -> str:
    """One part of a path, whatever characters it holds."""
    return quote(value, safe="")


def _user(user_id: str) -> str:
    return f"/api/users/{_part(user_id)}"
