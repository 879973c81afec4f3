"""What the engine is told before it listens: a few words in the speaker's own style."""

from __future__ import annotations

import hashlib

from pipeline.language import AUTO

FILLERS = "Um, uh, hmm, er, ah."
"""Without them Whisper tidies these words away (facts measured on the base model: it heard none
of them without, most of them with it)."""
_PROMPTED = frozenset({"en", AUTO})
"""In another language English words beforehand would draw the engine towards English."""
CARRIED_CHARACTERS = 200
"""Of the part before: about what OpenAI's own decoder would carry over in half a window."""


def prompt_for(language: str, *, carried: str = "") -> str | None:
    """The prompt for a part; `carried` is the text before it where it begins in mid-speech."""
    style = FILLERS if language in _PROMPTED else ""
    _, _, tail = carried[-CARRIED_CHARACTERS:].partition(" ")
    return " ".join(filter(None, [style, tail])) or None


def version_for(language: str) -> str:
    """A name for the constant part of the prompt, by its text."""
    prompt = prompt_for(language)
    if prompt is None:
        return "none"
    return f"fillers-{hashlib.sha256(prompt.encode()).hexdigest()[:8]}"
