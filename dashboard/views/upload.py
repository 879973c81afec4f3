"""Upload: files or a recording, for one learner; each becomes a session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.access import require
from dashboard.links import SESSION_PAGE, SessionLink
from dashboard.services import services
from dashboard.wording import plain
from pipeline import intake
from pipeline.errors import RostrumError
from pipeline.staff import Role, Staff

MOST_FILES = 50
TYPES = [
    "wav", "mp3", "m4a", "mp4", "aac", "ogg", "oga", "opus", "webm", "flac", "mov", "3gp", "amr"
]  # fmt: skip
LANGUAGES = ["en", "auto", "de", "es", "fr", "it", "nl", "pl", "pt"]
RESULTS = "upload_results"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file."""

    name: str
    session_id: UUID | None
    problem: str | None
    is_new: bool = True


def page() -> None:
    """Draw the form and what came of it."""
    require(Role.QA)
    st.title("Upload")
    learner, language, title = st.columns([2, 1, 2])
    user_id = learner.text_input("Learner id", key="upload_learner", max_chars=200)
    language.selectbox("Language", LANGUAGES, key="upload_language")
    title.text_input("Title (optional)", key="upload_title", max_chars=200)
    files = st.file_uploader(
        "Files", TYPES, accept_multiple_files=True, key="upload_files", max_upload_size=None
    )
    recording = st.audio_input("Or record", key="upload_recording")
    waiting = len(files) + (recording is not None)
    if waiting > MOST_FILES:
        st.error(f"At most {MOST_FILES} files at once.", icon=":material/error:")
    if not user_id.strip():
        st.caption("Name the learner to upload for; a new id is created.")
    st.button(
        f"Upload {waiting} recording{'s' if waiting != 1 else ''}" if waiting else "Upload",
        type="primary",
        key="upload_send",
        disabled=not (waiting and user_id.strip()) or waiting > MOST_FILES,
        on_click=_send,
    )
    _draw_results()


def _send() -> None:
    """Upload everything that waits: one click, one call."""
    state = st.session_state
    sender = require(Role.QA)
    waiting = [(held.name, held) for held in state["upload_files"]]
    if state["upload_recording"] is not None:
        waiting.append(("Recording", state["upload_recording"]))
    state[RESULTS] = [_upload(name, held, staff=sender) for name, held in waiting]


def _upload(name: str, audio: UploadedFile, *, staff: Staff) -> Result:
    state = st.session_state
    user_id = state["upload_learner"].strip()
    # The same bytes for the same learner are the same upload: a second click changes nothing.
    digest = hashlib.sha256(audio.getbuffer()).hexdigest()
    audio.seek(0)
    try:
        uploaded = intake.upload(
            services(),
            audio=audio,
            user_id=user_id,
            title=state["upload_title"].strip() or name,
            language=state["upload_language"],
            source="test",
            staff=staff,
            idempotency_key=f"dashboard-{digest}",
        )
    except RostrumError as error:
        return Result(name, None, f"{error.message} ({error.code})")
    return Result(name, uploaded.session_id, None, is_new=uploaded.created)


def _draw_results() -> None:
    results: list[Result] = st.session_state.get(RESULTS, [])
    for result in results:
        if result.session_id is None:
            st.error(
                f"{plain(result.name)}: {plain(result.problem or '')}", icon=":material/error:"
            )
            continue
        said = "is being processed" if result.is_new else "was uploaded before"
        st.page_link(
            SESSION_PAGE,
            label=f"{plain(result.name)} {said}: open its session",
            icon=":material/arrow_forward:",
            query_params=SessionLink(result.session_id).query,
        )


page()
