"""A vocabulary that exists nowhere else: where one of its words is found, something leaked."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.talks import claude_message


def _made_up() -> Iterator[str]:
    """Words of nine letters, the same each time, none of them twice."""
    chance, seen = random.Random(41), set[str]()  # noqa: S311 - chance for tests, not a secret
    while True:
        word = "".join(
            first + vowel + last
            for first, vowel, last in (
                (chance.choice("bdfgklmprtvz"), chance.choice("aeiou"), chance.choice("bkqvxz"))
                for _ in range(3)
            )
        )
        if word not in seen:
            seen.add(word)
            yield word


_words = _made_up()
LINES = tuple(" ".join(next(_words) for _ in range(9)).capitalize() + "." for _ in range(8))
"""What is said: long enough for every metric. The judge's words are others."""
_JUDGED = {
    name: next(_words)
    for name in ("pattern", "detail", "suggestion", "strength", "focus", "summary", "intent")
}
TITLE = f"{next(_words)} {next(_words)}".title()
LEARNER = f"{next(_words).title()}/{next(_words)} é"
"""An id as the company may choose one: a name, with what paths and headers stumble over."""
FILE_NAME = f"{next(_words)}.wav"
IDEMPOTENCY_KEY = f"{next(_words)}-{next(_words)}"
TYPED = next(_words)
"""What somebody types where it does not belong."""

SPOKEN = {f"said: {word}": word for line in LINES for word in line.lower().strip(".").split()}
PRIVATE = {
    **SPOKEN,
    **{f"judged, {name}": word for name, word in _JUDGED.items()},
    **{f"title: {word}": word for word in TITLE.lower().split()},
    **{f"learner: {word}": word for word in LEARNER.lower().rstrip(" é").split("/")},
    "file name": FILE_NAME.partition(".")[0],
    "idempotency key": IDEMPOTENCY_KEY,
    "typed": TYPED,
}
"""What it is → the word to look for, in lower case."""


def quote(line: int) -> str:
    """The first words of a line."""
    return " ".join(LINES[line].split()[:5])


def analysis() -> dict[str, Any]:
    """Claude's answer on this talk, quoting it."""
    said = {
        "insights": [
            {
                "category": "structure",
                "patternKey": "other",
                "pattern": _JUDGED["pattern"],
                "detail": _JUDGED["detail"],
                "frequency": 2,
                "severity": "high",
                "examples": [
                    {"quote": quote(1), "segment": 1},
                    {"quote": quote(3), "segment": 3},
                ],
                "suggestion": _JUDGED["suggestion"],
            }
        ],
        "strengths": [{"text": _JUDGED["strength"], "quote": quote(0), "segment": 0}],
        "focusNext": _JUDGED["focus"],
        "summary": _JUDGED["summary"],
        "intentLabel": _JUDGED["intent"],
    }
    return claude_message(json.dumps(said))


def leaks(kept: dict[str, bytes], words: dict[str, str]) -> set[str]:
    """Which of the words stand where: `place: what`."""
    return {
        f"{place}: {what}"
        for place, text in kept.items()
        for what, word in words.items()
        if word.lower().encode() in text.lower()
    }
