"""The golden set: talks written for this repository, with what a coach would find in each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.analyze.schema import Severity
from pipeline.speech.transcript import Segment, Transcript
from pipeline.speech.words import count_words

FOLDER = Path(__file__).parent.parent / "golden"
WORDS_PER_SECOND = 2.3
"""About 140 words a minute: a golden talk has no recording, so its length is reckoned."""


class Label(BaseModel):
    """A habit that is in the talk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Of the pattern catalogue."""
    severity: Severity
    quotes: tuple[str, ...] = Field(min_length=1)
    """Words that show it; a finding that quotes around one of them is right about the place."""


class Case(BaseModel):
    """One talk and what is right to say of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Literal["habit", "good", "near_empty", "odd", "hostile", "accent"]
    about: str
    """What the case is for, in a few words."""
    language: str = "en"
    """ISO 639-1 code of what was said."""
    lines: tuple[str, ...]
    """What was said, a segment each."""
    suspect: tuple[int, ...] = ()
    """Segments that were hard to hear."""
    patterns: tuple[Label, ...]
    """What should be found; empty: nothing is wrong."""
    tolerated: tuple[str, ...] = ()
    """Keys that a coach may name or not: neither right nor wrong."""

    @cached_property
    def transcript(self) -> Transcript:
        """The talk as the pipeline would have stored it, without times."""
        return Transcript(
            segments=tuple(
                Segment(index, line, suspect=index in self.suspect)
                for index, line in enumerate(self.lines)
            ),
            language=self.language,
            duration=count_words(" ".join(self.lines)) / WORDS_PER_SECOND,
            engine="golden",
        )


def load(
    folder: Path = FOLDER, *, extra: Iterable[Path] = (), only: Iterable[str] = ()
) -> tuple[Case, ...]:
    """Every case of the folder's JSONL files, and of those in `extra`: what staff made of reviews.

    With `only`, those whose id holds one of these.

    Raises:
        OSError: a file of `extra` cannot be read.
        pydantic.ValidationError: a line is no case.
        ValueError: a line is no JSON, or nothing is left to evaluate.
    """
    wanted = tuple(only)
    cases = tuple(
        Case.model_validate(json.loads(line))
        for path in [*sorted(folder.glob("*.jsonl")), *extra]
        for line in path.read_text("utf-8").splitlines()
        if line.strip()
    )
    chosen = tuple(case for case in cases if not wanted or any(part in case.id for part in wanted))
    if not chosen:
        raise ValueError(f"No golden case in {folder} matches.")
    return chosen
