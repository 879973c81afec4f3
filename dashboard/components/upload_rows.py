"""One recording on its way in, as a row: name, state in words, facts, notices."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import streamlit as st

from dashboard.components.failure import NEXT_STEP
from dashboard.links import (
    LEARNER_PAGE,
    SESSION_PAGE,
    SESSIONS_PAGE,
    LearnerLink,
    SessionLink,
    SessionsLink,
)
from dashboard.uploads import MOST_FILES, Recording
from dashboard.wording import ago, duration, length, plain
from pipeline.precheck import DECODED_SECONDS, Looked, Pace, SentBefore, likely_seconds

NEARLY_ALL = 0.9
"""Of a recording: so much silence is worth a look at the microphone."""
CHANNELS = {1: "mono", 2: "stereo"}
CODECS = {"aac": "AAC", "flac": "FLAC", "mp3float": "MP3", "opus": "Opus", "vorbis": "Vorbis"}
"""By FFmpeg's names; others are shown as they stand."""
MEGABYTE = 1024 * 1024


def draw_waiting(
    recording: Recording, before: SentBefore | None, pace: Pace | None, usd: Decimal | None
) -> None:
    """One that is not sent yet."""
    with st.container(border=True, gap="xsmall"):
        if recording.looked is None:
            _draw_problem(recording)
            return
        st.markdown(f"○ **{plain(recording.name)}** is ready")
        st.caption(plain(facts(recording.looked, pace, usd)))
        silence = recording.looked.silence_share
        if silence is not None and silence > NEARLY_ALL:
            st.warning("Nearly all of it is silence. Check the microphone.", icon=":material/mic:")
        if before is not None:
            _draw_sent_before(before)


def draw_sent(recording: Recording, *, is_under_way: bool = False) -> None:
    """One that was sent, is being sent, or was refused."""
    with st.container(border=True, gap="xsmall"):
        if recording.session_id is not None:
            said = "is sent" if recording.is_new else "was sent by an earlier click"
            st.markdown(f"● **{plain(recording.name)}** {said}")
            st.page_link(
                SESSION_PAGE,
                label="Open its session",
                icon=":material/arrow_forward:",
                query_params=SessionLink(recording.session_id).query,
            )
        elif recording.problem is not None:
            _draw_problem(recording)
        else:
            word = "◔ {} is being sent" if is_under_way else "○ {} waits its turn"
            st.markdown(word.format(f"**{plain(recording.name)}**"))


def draw_limits(*, here: int, api: int) -> None:
    """How many files, and how large: megabytes by this page and by the API."""
    larger = (
        f"Larger ones, up to {api} MB, go through the API straight to storage "
        "(POST /api/sessions/uploads)."
        if api > here
        else "Larger ones are not taken: cut or compress them."
    )
    st.caption(f"Up to {MOST_FILES} files at once, each up to {min(here, api)} MB. {larger}")


def draw_arrived(recordings: Collection[Recording]) -> None:
    """A link to the list for each learner for whom something arrived."""
    arrived = [one for one in recordings if one.session_id]
    for user_id in sorted({one.order.user_id for one in arrived if one.order}):
        st.page_link(
            SESSIONS_PAGE,
            label=f"{len(arrived)} of {len(recordings)} sent: all sessions of {plain(user_id)}",
            icon=":material/list:",
            query_params=SessionsLink.of({"learner": user_id}).query,
        )


def facts(looked: Looked, pace: Pace | None, usd: Decimal | None) -> str:
    """`3:05 · Opus, mono · 1.2 MB · 18 % silence · about 25 s to process · about $0.02`."""
    channels = CHANNELS.get(looked.channels, f"{looked.channels} channels")
    silence = (
        f"silence not measured above {DECODED_SECONDS / 60:.0f} min"
        if looked.silence_share is None
        else f"{100 * looked.silence_share:.0f} % silence"
    )
    time = (
        "time not known yet"
        if pace is None
        else f"about {duration(likely_seconds(looked, pace))} to process"
    )
    cost = "cost not known" if usd is None else f"about ${usd:.3f} at list prices"
    size = f"{looked.size_bytes / MEGABYTE:.1f} MB"
    parts = [
        length(looked.duration),
        f"{_codec(looked.codec)}, {channels}",
        size,
        silence,
        time,
        cost,
    ]
    return " · ".join(parts)


def _codec(name: str) -> str:
    return "PCM" if name.startswith("pcm_") else CODECS.get(name, name)


def _draw_problem(recording: Recording) -> None:
    problem = recording.problem
    if problem is None:
        return
    hint = NEXT_STEP.get(problem.code, "Try it again in a moment." if problem.retryable else "")
    st.error(
        f"**{plain(recording.name)}** {plain(problem.message)} {hint} Code {plain(problem.code)}.",
        icon=":material/error:",
    )


def _draw_sent_before(before: SentBefore) -> None:
    title = plain(before.title or "Untitled")
    st.warning(
        f"The same recording was sent before, {ago(before.at)}. Sending it again makes another "
        "session.",
        icon=":material/history:",
    )
    with st.container(horizontal=True):
        st.page_link(
            SESSION_PAGE,
            label=f"The earlier session: {title}",
            query_params=SessionLink(before.session_id).query,
        )
        st.page_link(
            LEARNER_PAGE,
            label=f"Its learner: {plain(before.user_id)}",
            query_params=LearnerLink(before.user_id).query,
        )
