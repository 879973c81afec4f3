"""What is held on a learner, for those who may take it along or erase it."""

from __future__ import annotations

import json
from functools import partial

import streamlit as st
from pydantic import TypeAdapter

from dashboard.access import renewed, require
from dashboard.components.failure import draw_error
from dashboard.services import services
from dashboard.wording import exact, plain, typed
from pipeline import removal, review
from pipeline.consent import Receipt
from pipeline.errors import InvalidInput, RostrumError
from pipeline.staff import Role, Staff
from pipeline.standing import LearnerStanding

ERASED = "learner_erased"
"""The receipt of a learner who was erased just now."""
PROBLEM = "learner_problem"
TYPED = "learner_erase_typed"
REASON = "learner_erase_reason"


def draw_data(standing: LearnerStanding, looking: Staff) -> None:
    """Export for all who read; erasure for admins, once they typed the learner's id."""
    user_id = standing.profile.user_id
    st.subheader("What is held on this learner")
    with st.container(horizontal=True):
        st.download_button(
            "Export everything",
            data=partial(_export, looking, user_id),
            file_name="learner-export.json",
            mime="application/json",
            key="learner_export",
            icon=":material/download:",
            on_click="ignore",
        )
        asked = looking.may(Role.ADMIN) and st.button(
            "Erase this learner", key="learner_erase", icon=":material/delete_forever:"
        )
    # What was typed is still there when an erasure could not be done.
    if asked or PROBLEM in st.session_state:
        _confirm_erase(standing)
    st.caption("An export holds transcripts and feedback; the audit tells who took it.")


def _export(looking: Staff, user_id: str) -> str:
    """Made when it is asked for, which may be long after the page was drawn."""
    held = review.export_learner(services(), user_id, staff=renewed(looking))
    return json.dumps(held, indent=2, ensure_ascii=False)


@st.dialog("Erase this learner?")
def _confirm_erase(standing: LearnerStanding) -> None:
    user_id, state = standing.profile.user_id, st.session_state
    if ERASED in state:
        st.rerun()
    st.markdown(
        f"**What goes, for good:** {standing.sessions_held} sessions with their transcripts, "
        f"feedback, figures, reviews and golden cases; {standing.recordings_held} recordings "
        "that are still stored; the profile; the learner."
    )
    st.markdown(
        "**What stays:** the audit, which names the learner's id, and that you erased it; files "
        "that were exported; what the vendors keep by their own terms."
    )
    st.text_input(f"Type {plain(user_id)} to confirm", key=TYPED)
    st.text_input("Why (for the audit)", key=REASON, max_chars=500)
    problem: RostrumError | None = state.pop(PROBLEM, None)
    if problem is not None:
        draw_error(problem)
    st.button(
        "Erase for good",
        key="learner_erase_sure",
        type="primary",
        on_click=_erase,
        args=(user_id,),
    )


def _erase(user_id: str) -> None:
    asker, state = require(Role.ADMIN), st.session_state
    if typed(state[TYPED]) != user_id.strip():
        state[PROBLEM] = InvalidInput("That is not the id of this learner. Nothing was erased.")
        return
    try:
        state[ERASED] = removal.erase_learner(
            services(), user_id, staff=asker, reason=state[REASON]
        )
    except RostrumError as error:
        state[PROBLEM] = error


def draw_receipt(receipt: Receipt) -> None:
    """That a learner was erased, how much that was, and the receipt to take along."""
    st.success(f"Everything held on {plain(receipt.user_id)} is erased.", icon=":material/check:")
    counted = ", ".join(
        f"{name.replace('_', ' ')}: {count}" for name, count in receipt.counts.items() if count
    )
    st.markdown(plain(f"Deleted {exact(receipt.erased_at)}: {counted or 'nothing but the id'}."))
    st.download_button(
        "Download the receipt",
        data=json.dumps(_RECEIPT.dump_python(receipt, mode="json"), indent=2, ensure_ascii=False),
        file_name=f"erasure-{receipt.id}.json",
        mime="application/json",
        key="learner_receipt",
        icon=":material/receipt_long:",
        # The page keeps showing it: a click changes nothing.
        on_click="ignore",
    )
    st.caption("The audit keeps the same figures. They hold no words.")


_RECEIPT = TypeAdapter(Receipt)
