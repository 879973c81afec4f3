"""A text field whose content outlives a failed write and a page that could not be drawn.

Streamlit drops a widget's state with the first run that does not draw it, as when the database
is down. So what is typed is kept beside it until it is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pipeline.verdict import MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class KeptText:
    """One such field. Its widget stays the same over all runs: a new one would lose the cursor."""

    prefix: str
    """The page's name."""
    name: str
    """Of the field, unique on its page."""
    saved: str
    """What is stored; empty: nothing."""

    @property
    def key(self) -> str:
        """Of the widget."""
        return f"{self.prefix}_{self.name}"

    @property
    def typed(self) -> str:
        """What stands in the field now, as far as it was sent."""
        return str(st.session_state.get(self.key, self._drafts.get(self.name, self.saved)))

    @property
    def is_unsaved(self) -> bool:
        """Something else was typed than what is stored."""
        return self.typed.strip() != self.saved

    @property
    def _drafts(self) -> dict[str, str]:
        drafts: dict[str, str] = st.session_state.setdefault(f"{self.prefix}_drafts", {})
        return drafts

    def keep(self) -> None:
        """Keep what is typed, whatever becomes of what is stored."""
        self._drafts[self.name] = self.typed

    def draw(self, label: str, *, on_change: Callable[[], None] | None = None) -> None:
        """The field; `on_change` is called once what was typed is kept."""
        if self._drafts.get(self.name, "\0").strip() == self.saved:
            del self._drafts[self.name]
        shown = self._drafts.get(self.name, self.saved)
        # Set only where it differs: what the script sets, it sets over what is being typed.
        if self.key not in st.session_state or self.typed.strip() != shown.strip():
            st.session_state[self.key] = shown

        def changed() -> None:
            self.keep()
            if on_change is not None:
                on_change()

        st.text_area(label, key=self.key, height=68, max_chars=MOST_CHARACTERS, on_change=changed)
