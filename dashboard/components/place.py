"""What the reader of a page has in hand: an insight, and the place of the talk it was asked for.

It belongs to one session: the next one begins with empty hands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import streamlit as st


@dataclass(frozen=True, slots=True)
class Hand:
    """An insight in hand, and a place that the talk shall show."""

    session_id: UUID | None = None
    insight: UUID | None = None
    place: tuple[int, int] | None = None
    """Characters in the transcript's text."""
    turn: int = 0
    """Grows with each jump, so that the same place can be jumped to again."""


def in_hand(page: str, session_id: UUID) -> Hand:
    """What is in hand on this page, if it is of this session."""
    held = _held(page)
    return held if held.session_id == session_id else Hand(session_id, turn=held.turn)


def jump_to(page: str, session_id: UUID, insight: UUID | None, start: int, end: int) -> None:
    """Show these words of the talk, with the insight that they are quoted for in hand."""
    turn = _held(page).turn + 1
    st.session_state[_key(page)] = Hand(session_id, insight, (start, end), turn)


def take(page: str, session_id: UUID, insight: UUID) -> None:
    """Take an insight in hand, and leave the talk where it is."""
    st.session_state[_key(page)] = replace(in_hand(page, session_id), insight=insight)


def _held(page: str) -> Hand:
    held = st.session_state.get(_key(page))
    return held if isinstance(held, Hand) else Hand()


def _key(page: str) -> str:
    return f"{page}_hand"
