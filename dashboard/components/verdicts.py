"""The verdict on one insight: five words, better words, a note. Values in, callbacks out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import streamlit as st

from dashboard.components.kept_text import KeptText
from dashboard.wording import plain
from pipeline.verdict import Judged, Opinions, Verdict

WORDS = {
    Verdict.CORRECT: ("Correct", ":material/check:"),
    Verdict.WRONG: ("Wrong", ":material/close:"),
    Verdict.UNSUPPORTED: ("Unsupported", ":material/question_mark:"),
    Verdict.DUPLICATE: ("Duplicate", ":material/content_copy:"),
    Verdict.NOT_USEFUL: ("Not useful", ":material/thumb_down:"),
}
"""In the order of the keys 1–5."""
MEANING = {
    Verdict.CORRECT: "The talk shows this habit, and the quotes prove it.",
    Verdict.WRONG: "The talk does not show this habit.",
    Verdict.UNSUPPORTED: "It may be so, but the quotes do not show it.",
    Verdict.DUPLICATE: "Another insight says the same.",
    Verdict.NOT_USEFUL: "True, and of no use to the learner.",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the viewer says of an insight, and which version of their verdict they saw."""

    insight_id: UUID
    verdict: Verdict
    rewrite: str
    note: str
    seen_version: int | None
    """None: there was none."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What the page does when the viewer acts. Each is called in a callback of Streamlit."""

    say: Callable[[Said], None]
    """A verdict's button was pressed."""
    amend: Callable[[Said], None]
    """A text of a verdict that was given has changed."""
    withdraw: Callable[[UUID, int], None]
    """Take back the verdict of this version on this insight."""
    golden: Callable[[UUID, bool], None]
    """Make this insight a golden case, or let it be none."""


def draw_verdict(
    insight_id: UUID, opinions: Opinions, *, prefix: str, actions: Actions, has_keys: bool = False
) -> None:
    """The viewer's verdict on one insight, and others' as far as the viewer may know them.

    `prefix` is the page's name. With `has_keys`, of one insight on a page only, 1–5 give a
    verdict and `u` takes it back. What was typed stays until it is saved, whatever fails.
    """
    mine = opinions.mine
    rewrite = KeptText(prefix, f"rewrite_{insight_id}", (mine and mine.rewrite) or "")
    note = KeptText(prefix, f"note_{insight_id}", (mine and mine.note) or "")
    seen = mine.version if mine else None

    def said(verdict: Verdict) -> Said:
        return Said(insight_id, verdict, rewrite.typed, note.typed, seen)

    def say(verdict: Verdict) -> None:
        actions.say(said(verdict))

    def amend() -> None:
        if mine is not None:
            actions.amend(said(mine.verdict))

    def undo() -> None:
        if mine is not None:
            rewrite.keep()
            note.keep()
            actions.withdraw(insight_id, mine.version)

    _draw_words(insight_id, mine, prefix, say, has_keys=has_keys)
    rewrite.draw("Better words (optional)", on_change=amend)
    note.draw("Note (optional)", on_change=amend)
    if mine is None:
        st.caption("What you type is saved with your verdict.")
    else:
        with st.container(horizontal=True):
            if rewrite.is_unsaved or note.is_unsaved:
                st.button(
                    "Save the texts",
                    key=f"{prefix}_save_{insight_id}",
                    icon=":material/save:",
                    help="They are not saved yet.",
                    on_click=amend,
                )
            st.button(
                "Undo",
                key=f"{prefix}_undo_{insight_id}",
                icon=":material/undo:",
                shortcut="u" if has_keys else None,
                help="Takes the verdict back. What you typed stays here.",
                on_click=undo,
            )
            _draw_golden(insight_id, mine, opinions, prefix, actions)
    for other in opinions.others:
        st.caption(plain(_told(other)))


def _draw_words(
    insight_id: UUID,
    mine: Judged | None,
    prefix: str,
    say: Callable[[Verdict], None],
    *,
    has_keys: bool,
) -> None:
    """The five verdicts as buttons, the one that was given set apart by colour and words."""
    with st.container(horizontal=True):
        for number, (verdict, (word, icon)) in enumerate(WORDS.items(), start=1):
            given = mine is not None and mine.verdict is verdict
            st.button(
                f"{word}, as you said" if given else word,
                key=f"{prefix}_{verdict}_{insight_id}",
                icon=icon,
                type="primary" if given else "secondary",
                help=MEANING[verdict],
                shortcut=str(number) if has_keys else None,
                on_click=say,
                args=(verdict,),
            )


def _draw_golden(
    insight_id: UUID, mine: Judged, opinions: Opinions, prefix: str, actions: Actions
) -> None:
    """One click makes a golden case of what was rejected or corrected, one takes it back."""
    if opinions.is_golden or mine.corrects:
        st.button(
            "Golden case: take back" if opinions.is_golden else "Make it a golden case",
            key=f"{prefix}_golden_{insight_id}",
            icon=":material/star:" if opinions.is_golden else ":material/star_border:",
            help="The talk, labelled as you judged it, joins the set that `make eval` scores.",
            on_click=actions.golden,
            args=(insight_id, not opinions.is_golden),
        )


def _told(other: Judged) -> str:
    """Somebody else's verdict in one line."""
    said = [f"{other.reviewer}: {WORDS[other.verdict][0].lower()}"]
    said += [f"better: “{other.rewrite}”"] if other.rewrite else []
    said += [f"note: “{other.note}”"] if other.note else []
    return "; ".join(said)
