"""A failure in words: what happened, what it means, what to do."""

from __future__ import annotations

import streamlit as st

from dashboard.wording import plain
from pipeline.errors import RostrumError
from pipeline.session import Failure

NEXT_STEP = {
    "NO_SPEECH": "Listen to the recording, check the microphone and record again.",
    "UNSUPPORTED_AUDIO": "Convert the file to MP3, M4A, WAV or WebM and upload it again.",
    "EMPTY_AUDIO": "Record again; the file holds no sound.",
    "AUDIO_TOO_LONG": "Cut the recording into shorter ones.",
    "AUDIO_MISSING": "Upload the recording again.",
    "ANALYSIS_INVALID": "Press “Analyse again”.",
    "CONFIGURATION": "An operator must set the variable; then run it again.",
}


def draw_failure(failure: Failure) -> None:
    """Why a session failed."""
    if failure.will_retry:
        st.warning(
            f"**{plain(failure.message)}** It is tried again by itself; nobody needs to act. "
            f"Code {plain(failure.code)}.",
            icon=":material/schedule:",
        )
        return
    fallback = "Run it again." if failure.retryable else "Running it again will not help."
    st.error(
        f"**{plain(failure.message)}** {NEXT_STEP.get(failure.code, fallback)} "
        f"Code {plain(failure.code)}.",
        icon=":material/error:",
    )


def draw_error(error: RostrumError) -> None:
    """Why something that the viewer asked for could not be done."""
    hint = "Try again in a moment." if error.retryable else ""
    st.error(f"{plain(error.message)} {hint} Code {plain(error.code)}.", icon=":material/error:")
