"""What a click on a verdict writes, for every page on which insights are judged."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from dashboard.access import NoAccess, require
from dashboard.components.verdicts import Actions, Said
from dashboard.services import services
from pipeline import golden_case, reviewing
from pipeline.errors import Forbidden, RostrumError
from pipeline.staff import Role, Staff


def attempt(problem: str, write: Callable[[Staff], object]) -> bool:
    """One write in the viewer's name; a refusal is kept under `problem` for the page to show."""
    try:
        write(require(Role.COACH))
    except NoAccess as refusal:
        st.session_state[problem] = Forbidden(str(refusal))
    except RostrumError as error:
        st.session_state[problem] = error
    else:
        return True
    return False


def verdict_actions(problem: str, *, on_said: Callable[[], None] | None = None) -> Actions:
    """The writes of `draw_verdict`; `on_said` follows a verdict that was saved."""

    def saved(said: Said) -> bool:
        return attempt(
            problem,
            lambda staff: reviewing.save_verdict(
                services(),
                staff,
                said.insight_id,
                verdict=said.verdict,
                rewrite=said.rewrite,
                note=said.note,
                seen_version=said.seen_version,
            ),
        )

    def say(said: Said) -> None:
        if saved(said) and on_said:
            on_said()

    def amend(said: Said) -> None:
        saved(said)

    def withdraw(insight_id: UUID, seen_version: int) -> None:
        attempt(
            problem,
            lambda staff: reviewing.withdraw_verdict(
                services(), staff, insight_id, seen_version=seen_version
            ),
        )

    def golden(insight_id: UUID, becomes: bool) -> None:  # noqa: FBT001 - a callback's value
        act = golden_case.make if becomes else golden_case.take_back
        attempt(problem, lambda staff: act(services(), staff, insight_id))

    return Actions(say, amend, withdraw, golden)
