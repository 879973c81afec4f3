"""A page with nothing but a talk and its feedback, for `test_transcript.py`: no stack behind it.

python -m streamlit run tests/browser/talk_page.py
…?talk=hostile   words that would be markup
…?talk=long      two hours
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from dashboard.components.feedback import draw_insights
from dashboard.components.place import in_hand, jump_to, take
from dashboard.components.transcript import draw_place, draw_transcript
from pipeline.session import Example, Insight, TranscriptShown
from tests.browser.talks_shown import TALKS, insights_of, shown

SESSION = UUID(int=1)


def show(insight: Insight | None, quote: Example) -> None:
    """Jump to a quote."""
    of = insight.id if insight else None
    jump_to("session", SESSION, of, quote.start_offset, quote.end_offset)


@st.dialog("Keys")
def help_with_keys() -> None:
    """What `?` opens."""
    st.markdown("The page heard ?")


def draw(transcript: TranscriptShown, insights: tuple[Insight, ...]) -> None:
    """The talk beside its feedback, as the session page has them."""
    hand = in_hand("session", SESSION)
    left, right = st.columns([3, 2])
    with left:
        draw_transcript(
            transcript,
            insights,
            asked="en",
            on_pick=lambda insight: take("session", SESSION, insight),
        )
        draw_place(hand, transcript, insights)
    with right:
        draw_insights(insights, hand=hand, on_quote=show)
    if st.button("Next", key="session_next", shortcut="n"):
        st.markdown("The page heard n")
    if st.button("Keys", key="session_help"):
        help_with_keys()


st.set_page_config(layout="wide")
talk = TALKS[st.query_params.get("talk", "plain")]()
draw(shown(talk), insights_of(talk))
