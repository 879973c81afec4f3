"""A viewer's recordings between the browser and the pipeline: looked at, sent one by one, let go.

Streamlit holds what the browser sent in memory. Here it is let go as soon as it is sent or
refused; only what failed by trouble that may pass is kept for another try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pipeline import intake, precheck
from pipeline.errors import InvalidInput, RostrumError
from pipeline.precheck import Looked
from pipeline.services import Services
from pipeline.staff import Staff

MOST_FILES = 50
MOST_BYTES = 512 * 1024 * 1024
"""Of all files that wait in one browser window: this process holds them."""
SIDE_BY_SIDE = 4
"""Looks at once: each is a child process of its own."""
LONGEST_TITLE = 200
ROUND = "upload_round"
LOOKED = "upload_looked"
SENDING = "upload_sending"
HELD = "upload_held"


@dataclass(frozen=True, slots=True)
class Order:
    """What was typed for a recording when it was sent."""

    user_id: str
    title: str
    language: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One file and how far it is."""

    file_id: str
    name: str
    size_bytes: int
    looked: Looked | None = None
    problem: RostrumError | None = None
    order: Order | None = None
    """Set once somebody pressed the button."""
    is_put_away: bool = False
    """It was refused, and somebody has seen it."""
    session_id: UUID | None = None
    """Set once it is sent."""
    is_new: bool = True
    """False: an earlier click had sent it already."""

    @property
    def is_ready(self) -> bool:
        """It was looked at, and would be taken."""
        return self.looked is not None and self.problem is None

    @property
    def may_try_again(self) -> bool:
        """What stopped it may pass."""
        return self.problem is not None and self.problem.retryable


def fresh(files: Sequence[UploadedFile]) -> list[UploadedFile]:
    """Those that are to be looked at; what is too much at once is refused here."""
    known = _looked()
    new = [file for file in files if file.file_id not in known]
    before = [known[file.file_id] for file in files if file.file_id in known]
    before = [recording for recording in before if not recording.problem]
    count, size = len(before), sum(recording.size_bytes for recording in before)
    taken = []
    for file in new:
        if count == MOST_FILES:
            known[file.file_id] = _refused(
                file, f"At most {MOST_FILES} recordings are taken at once."
            )
        elif size + file.size > MOST_BYTES:
            limit = MOST_BYTES // (1024 * 1024)
            known[file.file_id] = _refused(file, f"At most {limit} MB are taken at once.")
        else:
            taken.append(file)
            count, size = count + 1, size + file.size
    return taken


def waiting(files: Sequence[UploadedFile]) -> list[Recording]:
    """What is known of each file; the bytes of what was refused are let go."""
    known = _looked()
    _let_go(recording.file_id for recording in known.values() if recording.problem)
    picked = {file.file_id for file in files}
    shown = [one for one in known.values() if one.file_id in picked or one.problem]
    return [one for one in shown if not one.is_put_away]


def _refused(file: UploadedFile, why: str) -> Recording:
    return Recording(
        file.file_id,
        file.name,
        file.size,
        problem=InvalidInput(f"{why} Send the others first, then add this one again."),
    )


def looks(services: Services, files: Sequence[UploadedFile]) -> Iterator[Recording]:
    """Look at files side by side; each comes in its turn, with its facts or its refusal."""
    known = _looked()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for recording in pool.map(lambda file: _look(services, file), files):
            known[recording.file_id] = recording
            yield recording


def _look(services: Services, file: UploadedFile) -> Recording:
    fresh = Recording(file.file_id, file.name, file.size)
    try:
        return replace(fresh, looked=precheck.look(services, file))
    except RostrumError as error:
        return replace(fresh, problem=error)


def begin(files: Sequence[UploadedFile], typed: Order) -> None:
    """Take what waits out of the pickers; a second click finds nothing there."""
    state, known = st.session_state, _looked()
    ready = {one.file_id for one in waiting(files) if one.is_ready}
    if not ready:
        return
    unfinished = {key: one for key, one in sending().items() if one.may_try_again}
    ordered = {
        key: replace(one, order=_order_for(one, typed, alone=len(ready) == 1))
        for key, one in known.items()
        if not one.is_put_away
    }
    _held().update({file.file_id: file for file in files if file.file_id in ready})
    state[SENDING] = {**unfinished, **ordered}
    state[LOOKED] = {}
    state[ROUND] = turn() + 1
    _let_go(file.file_id for file in files)


def _order_for(recording: Recording, typed: Order, *, alone: bool) -> Order:
    """The title as typed; with the file's name where there are several, or it alone."""
    name = recording.name
    both = typed.title if alone else f"{typed.title}: {name}"
    return replace(typed, title=(both if typed.title else name)[:LONGEST_TITLE])


def send(services: Services, file_id: str, *, staff: Staff) -> None:
    """Upload one recording; the outcome is its session or its problem."""
    recording, held = sending()[file_id], _held()
    order = recording.order
    if order is None:
        return
    try:
        uploaded = intake.upload(
            services,
            audio=held[file_id],
            user_id=order.user_id,
            title=order.title,
            language=order.language,
            source="test",
            # Of one file in one browser window: a second click sends nothing twice.
            idempotency_key=f"dashboard-{file_id}",
            staff=staff,
        )
    except RostrumError as error:
        outcome = replace(recording, problem=error)
    else:
        outcome = replace(recording, session_id=uploaded.session_id, is_new=uploaded.created)
    sending()[file_id] = outcome
    if not outcome.may_try_again:
        del held[file_id]


def try_again() -> None:
    """Let those wait their turn once more that failed by what may pass."""
    for file_id, recording in sending().items():
        if recording.may_try_again:
            sending()[file_id] = replace(recording, problem=None)


def turns() -> list[str]:
    """The files that wait their turn."""
    return [file_id for file_id in _held() if not sending()[file_id].problem]


def has_unfinished() -> bool:
    """Whether a second try could still bring some in."""
    return any(recording.may_try_again for recording in sending().values())


def put_away_refused() -> None:
    """Show the rows of files that will not be sent no longer."""
    known = _looked()
    for file_id, recording in known.items():
        if recording.problem:
            known[file_id] = replace(recording, is_put_away=True)


def forget_sent() -> None:
    """Begin with an empty list."""
    st.session_state[SENDING] = {}


def turn() -> int:
    """Grows with each sending: new pickers, which hold no files."""
    return int(st.session_state.setdefault(ROUND, 0))


def sending() -> dict[str, Recording]:
    """File id → recording, for those of the last sending."""
    held: dict[str, Recording] = st.session_state.setdefault(SENDING, {})
    return held


def _looked() -> dict[str, Recording]:
    """File id → recording, for the files that wait."""
    held: dict[str, Recording] = st.session_state.setdefault(LOOKED, {})
    return held


def _held() -> dict[str, UploadedFile]:
    """File id → bytes, until it is sent or refused."""
    held: dict[str, UploadedFile] = st.session_state.setdefault(HELD, {})
    return held


def _let_go(file_ids: Iterable[str]) -> None:
    """Take files out of the memory that Streamlit keeps them in."""
    running = get_script_run_ctx()
    if running is None or not isinstance(running.uploaded_file_mgr, MemoryUploadedFileManager):
        return
    for file_id in file_ids:
        running.uploaded_file_mgr.remove_file(session_id=running.session_id, file_id=file_id)
