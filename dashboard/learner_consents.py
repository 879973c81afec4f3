"""What a learner agrees to: for all to read, for admins to change, in one call."""

from __future__ import annotations

import streamlit as st

from dashboard.access import require
from dashboard.components.failure import draw_error
from dashboard.services import services
from dashboard.wording import exact, plain
from pipeline import consenting
from pipeline.consent import Consents, Held
from pipeline.errors import RostrumError
from pipeline.staff import Role, Staff

PROBLEM = "learner_consents_problem"
SAVED = "learner_consents_saved"
REASON = "learner_consents_reason"
QUESTIONS = {
    "audio_storage": (
        "Keep the recording of a talk that failed",
        "Without it the recording goes as soon as no retry is expected.",
    ),
    "transcript_storage": (
        "Keep what was said",
        "Without it words and quotes go once a talk is finished, and do not come back.",
    ),
    "pattern_tracking": (
        "Follow patterns over talks",
        "Without it there is no profile, and nobody looks what became of a focus.",
    ),
}


def draw_consents(user_id: str, held: Held, looking: Staff) -> None:
    """Each consent in a line; a button for those who may change them."""
    st.subheader("What this learner agrees to")
    for name, (question, _) in QUESTIONS.items():
        agrees = getattr(held.consents, name)
        icon, word = (":material/check:", "yes") if agrees else (":material/block:", "no")
        st.markdown(f"{icon} {plain(question)}: **{word}**")
    since = f"since {exact(held.changed_at)}" if held.changed_at else "never changed"
    st.caption(plain(f"The company's app asks before it uploads; {since}."))
    # What was chosen is still there when it could not be saved.
    asked = looking.may(Role.ADMIN) and st.button(
        "Change", key="learner_consents", icon=":material/rule_settings:"
    )
    if asked or PROBLEM in st.session_state:
        _ask(user_id, held)


@st.dialog("What does this learner agree to?")
def _ask(user_id: str, held: Held) -> None:
    state = st.session_state
    if state.pop(SAVED, False):
        st.rerun()
    for name, (question, without) in QUESTIONS.items():
        st.checkbox(question, value=getattr(held.consents, name), key=_key(name))
        st.caption(plain(without))
    st.text_input("Why (for the audit)", key=REASON, max_chars=500)
    problem: RostrumError | None = state.pop(PROBLEM, None)
    if problem is not None:
        draw_error(problem)
    st.button(
        "Save",
        key="learner_consents_save",
        type="primary",
        on_click=_save,
        args=(user_id,),
    )


def _key(name: str) -> str:
    return f"learner_consents_{name}"


def _save(user_id: str) -> None:
    asker, state = require(Role.ADMIN), st.session_state
    agreed = Consents(**{name: bool(state[_key(name)]) for name in QUESTIONS})
    try:
        consenting.write(services(), user_id, agreed, staff=asker, reason=state[REASON])
    except RostrumError as error:
        state[PROBLEM] = error
    else:
        state[SAVED] = True
