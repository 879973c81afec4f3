"""The languages that a session may name: those that Whisper knows, or `auto`."""

from __future__ import annotations

from pipeline.speech.languages import ENGLISH_NAMES

AUTO = "auto"
"""Leaves detection to the engine."""
CODES = frozenset(ENGLISH_NAMES)
"""ISO 639 codes."""
UNKNOWN = "und"
"""ISO 639's own code for a language that nobody determined."""

_BY_NAME = {name: code for code, name in ENGLISH_NAMES.items()}


def is_known(language: str) -> bool:
    """Whether a session may name this language."""
    return language == AUTO or language in CODES


def code_of(name: str) -> str:
    """The code of a language by its English name, as `verbose_json` answers; or as it stands."""
    lowered = name.lower()
    return _BY_NAME.get(lowered, lowered)


def name_of(code: str) -> str:
    """The English name of a language, for people; the code where there is none."""
    return ENGLISH_NAMES.get(code, code).capitalize()
