"""Upload: files or a recording, for one learner; facts before sending, then each its session."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import uploads
from dashboard.access import require
from dashboard.components.failure import draw_error
from dashboard.components.upload_rows import (
    draw_arrived,
    draw_limits,
    draw_sent,
    draw_waiting,
)
from dashboard.links import (
    LONGEST,
    SESSION_PAGE,
    SessionLink,
    is_plain,
)
from dashboard.services import services
from dashboard.uploads import Order, Recording
from dashboard.wording import typed
from pipeline import precheck
from pipeline.errors import InvalidInput, RostrumError
from pipeline.language import AUTO, name_of
from pipeline.precheck import Pace, SentBefore
from pipeline.staff import Role, Staff

LANGUAGES = ["en", AUTO, "de", "es", "fr", "it", "nl", "pl", "pt"]
PROBLEM = "upload_problem"


def page() -> None:
    """Draw the form, what waits, and what was sent."""
    sender = require(Role.QA)
    st.title("Upload")
    _draw_form()
    files = _draw_pickers()
    waiting = _looked_at(files)
    _draw_waiting(waiting)
    ready = [recording for recording in waiting if recording.is_ready]
    is_sending = any(r.session_id is None and not r.problem for r in uploads.sending().values())
    many = "" if len(ready) == 1 else "s"
    st.button(
        # Streamlit's own button for picking files is called "Upload".
        f"Send {len(ready)} recording{many}" if ready else "Send",
        type="primary",
        key="upload_send",
        icon=":material/send:",
        disabled=not ready or is_sending,
        help=None if ready else "Pick files or record something first.",
        on_click=_begin,
        args=(files,),
    )
    problem: RostrumError | None = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        draw_error(problem)
    _send_and_draw(sender)


def _draw_form() -> None:
    """Whose recording it is, in which language, and what it is called."""
    learner, language, title = st.columns([2, 1, 2])
    learner.text_input(
        "Learner id",
        key="upload_learner",
        max_chars=LONGEST,
        placeholder="A new id makes a new learner",
    )
    language.selectbox(
        "Language",
        LANGUAGES,
        key="upload_language",
        format_func=lambda code: "Detect it" if code == AUTO else name_of(code),
    )
    title.text_input(
        "Title (optional)",
        key="upload_title",
        max_chars=uploads.LONGEST_TITLE,
        placeholder="The file's name",
    )


def _draw_pickers() -> list[UploadedFile]:
    turn = uploads.turn()
    here, most = int(st.get_option("server.maxUploadSize")), services().settings.max_upload_mb
    files = st.file_uploader(
        "Files", accept_multiple_files=True, key=f"upload_files_{turn}", help=_KINDS
    )
    recording = st.audio_input("Or record", key=f"upload_recording_{turn}")
    draw_limits(here=here, api=most)
    return [*files, *([recording] if recording is not None else [])]


_KINDS = (
    "Any audio, or video with sound: MP3, M4A, WAV, WebM, Ogg, FLAC, AMR and others. What a file "
    "is, its bytes tell, not its name."
)


def _looked_at(files: list[UploadedFile]) -> list[Recording]:
    """Every file that waits, with its facts or its refusal."""
    fresh = uploads.fresh(files)
    if fresh:
        shown = st.progress(0.0, "Looking at the recordings")
        for done, _ in enumerate(uploads.looks(services(), fresh), start=1):
            shown.progress(done / len(fresh), f"Looked at {done} of {len(fresh)} recordings")
        shown.empty()
    return uploads.waiting(files)


def _draw_waiting(waiting: list[Recording]) -> None:
    if not waiting:
        return
    before, pace = _forecast(waiting)
    settings = services().settings
    for recording in waiting:
        looked = recording.looked
        draw_waiting(
            recording,
            before.get(looked.digest) if looked else None,
            pace,
            precheck.likely_usd(settings, looked) if looked else None,
        )
    if any(recording.problem for recording in waiting):
        st.button(
            "Take away those that are refused",
            key="upload_clear",
            on_click=uploads.put_away_refused,
        )


def _forecast(waiting: list[Recording]) -> tuple[Mapping[str, SentBefore], Pace | None]:
    """Earlier sessions of the same recordings, and how fast work goes now."""
    digests = [recording.looked.digest for recording in waiting if recording.looked]
    if not digests:
        return {}, None
    try:
        return precheck.sent_before(services(), digests), precheck.pace(services())
    except RostrumError as error:
        draw_error(error)
        return {}, None


def _begin(files: list[UploadedFile]) -> None:
    require(Role.QA)
    state = st.session_state
    order = Order(
        typed(state["upload_learner"]), typed(state["upload_title"]), state["upload_language"]
    )
    if not order.user_id:
        state[PROBLEM] = InvalidInput("Name the learner first, then press the button again.")
    elif not (is_plain(order.user_id) and is_plain(order.title)):
        state[PROBLEM] = InvalidInput(
            "The learner's id or the title has characters that cannot be shown. Type it anew."
        )
    else:
        uploads.begin(files, order)


def _again() -> None:
    require(Role.QA)
    uploads.try_again()


def _send_and_draw(sender: Staff) -> None:
    """One row a recording; those that wait their turn are sent, one after the other."""
    sending = uploads.sending()
    if not sending:
        return
    st.subheader("Sending")
    overall = st.empty()
    rows = {file_id: st.empty() for file_id in sending}
    for file_id, recording in sending.items():
        with rows[file_id]:
            draw_sent(recording)
    turns = uploads.turns()
    for done, file_id in enumerate(turns):
        overall.progress(done / len(turns), f"Sending {done + 1} of {len(turns)}")
        with rows[file_id]:
            draw_sent(sending[file_id], is_under_way=True)
        uploads.send(services(), file_id, staff=sender)
        with rows[file_id]:
            draw_sent(sending[file_id])
    overall.empty()
    _draw_end(sending, just_sent=bool(turns))


def _draw_end(sending: dict[str, Recording], *, just_sent: bool) -> None:
    """What is next: the one session, the list, or another try."""
    arrived = [one.session_id for one in sending.values() if one.session_id]
    if just_sent and len(sending) == 1 and arrived:
        uploads.forget_sent()
        st.switch_page(SESSION_PAGE, query_params=SessionLink(arrived[0]).query)
    if uploads.has_unfinished():
        st.button("Try again", key="upload_again", icon=":material/refresh:", on_click=_again)
        st.caption("Nothing is lost: the recordings are kept in this window until they are sent.")
    draw_arrived(sending.values())


page()
